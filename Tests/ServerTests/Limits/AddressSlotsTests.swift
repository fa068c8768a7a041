import Pipeline
import Testing

@testable import Server

@Suite("Connections of one address")
struct AddressSlotsTests {
    private let here: IPAddress
    private let there: IPAddress

    init() throws {
        here = try #require(IPAddress("192.0.2.1"))
        there = try #require(IPAddress("2001:db8::1"))
    }

    @Test("one past the limit is refused, until another leaves")
    func limit() throws {
        let slots = AddressSlots(limit: 2)
        let connections = (0..<3).map { _ in AddressSlot(slots) }
        for connection in connections { connection.take(for: here) }
        #expect(connections.map(\.isRefused) == [false, false, true])
        let other = AddressSlot(slots)
        other.take(for: there)
        #expect(!other.isRefused)
        connections[0].leave()
        connections[2].take(for: here)
        #expect(!connections[2].isRefused)
    }

    @Test("those that came while there was no limit count once there is one")
    func limitedLater() {
        let slots = AddressSlots(limit: 0)
        let connections = (0..<4).map { _ in AddressSlot(slots) }
        for connection in connections[..<2] { connection.take(for: here) }
        slots.limit = 2
        connections[2].take(for: here)
        #expect(connections.map(\.isRefused) == [false, false, true, false])
        connections[0].leave()
        connections[3].take(for: here)
        #expect(!connections[3].isRefused)
        slots.limit = 0
        connections[2].take(for: here)
        #expect(!connections[2].isRefused)
    }

    @Test("a proxy's connection counts for whom it serves at the time")
    func moves() throws {
        let slots = AddressSlots(limit: 1)
        let (proxied, direct) = (AddressSlot(slots), AddressSlot(slots))
        proxied.take(for: here)
        proxied.take(for: here)
        #expect(!proxied.isRefused)
        direct.take(for: here)
        #expect(direct.isRefused)
        proxied.take(for: there)
        direct.take(for: here)
        #expect(!direct.isRefused)
    }

    @Test("a connection that was refused may be another's later")
    func again() throws {
        let slots = AddressSlots(limit: 1)
        let (first, proxied) = (AddressSlot(slots), AddressSlot(slots))
        first.take(for: here)
        proxied.take(for: here)
        #expect(proxied.isRefused)
        proxied.leave()
        #expect(!proxied.isRefused)
    }

    @Test("nothing is kept of those that have left, however often they leave")
    func forgets() throws {
        let slots = AddressSlots(limit: 1)
        let (first, refused) = (AddressSlot(slots), AddressSlot(slots))
        first.take(for: here)
        refused.take(for: here)
        for slot in [refused, first, first] { slot.leave() }
        #expect(slots.count == 0)
    }

    @Test("addresses of one IPv6 network are one client's")
    func network() throws {
        let slots = AddressSlots(limit: 1)
        let (first, second) = (AddressSlot(slots), AddressSlot(slots))
        first.take(for: there)
        second.take(for: try #require(IPAddress("2001:db8::ffff")))
        #expect(second.isRefused)
    }
}
