import Dispatch
import Foundation
import Synchronization
import Testing

@testable import Pipeline

@Suite("Ids and times")
struct IdentityTests {
    @Test("ids are of version 7, sort by time, and read back")
    func messageIDs() throws {
        let times = [0, 1_700_000_000_000_000, 1_700_000_000_000_400, 1_700_000_000_001_000].map(
            Timestamp.init(microseconds:))
        let ids = times.map(UniqueID.timeOrdered)
        #expect(ids == ids.sorted())
        for id in ids {
            #expect(id.version == 7 && id.isStandardVariant)
            #expect(UniqueID(id.description) == id)
        }
        #expect(ids[1].description.hasPrefix("018bcfe5-6800-7000-"))
    }

    @Test("session ids are of version 4 and all different")
    func sessionIDs() {
        let ids = (0..<1_000).map { _ in UniqueID.random() }
        #expect(Set(ids).count == 1_000)
        #expect(ids.allSatisfy { $0.version == 4 && $0.isStandardVariant })
    }

    @Test("ids are all different where more threads make them than have random numbers of their own")
    func manyThreads() {
        let threads = ThreadSlot.count + 4
        let ids = Mutex<[UniqueID]>([])
        let (begun, ended) = (DispatchGroup(), DispatchGroup())
        let shared = Atomic<Int>(0)
        for _ in 0..<threads {
            begun.enter()
            ended.enter()
        }
        for _ in 0..<threads {
            Thread {
                let first = UniqueID.random()
                if ThreadSlot.current.isShared { shared.add(1, ordering: .relaxed) }
                begun.leave()
                // Nobody ends, and leaves room for others, before all have begun.
                begun.wait()
                let more = (0..<200).map { _ in UniqueID.random() }
                ids.withLock { $0 += [first] + more }
                ended.leave()
            }.start()
        }
        ended.wait()
        #expect(shared.load(ordering: .relaxed) > 1)
        #expect(Set(ids.withLock(\.self)).count == threads * 201)
    }

    @Test(
        "anything but a UUID is refused",
        arguments: [
            "", "x", "018bcfe5-6800-7000-8000-00000000000", "018bcfe5-6800-7000-8000-0000000000000",
            "018bcfe56800-7000-8000-000000000000-", "018bcfe5-6800-7000-8000-00000000000g",
            "018bcfe5+6800-7000-8000-000000000000", "018bcfe5-6800-7000-8000-0000000000é",
        ])
    func refused(text: String) {
        #expect(UniqueID(text) == nil)
    }

    @Test(
        "times are written with six decimals and read back",
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1_769_860_800_123_456, "2026-01-31T12:00:00.123456Z"),
            (951_827_696_000_001, "2000-02-29T12:34:56.000001Z"),
            (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ])
    func times(microseconds: Int64, text: String) {
        let time = Timestamp(microseconds: microseconds)
        #expect(time.description == text)
        #expect(Timestamp(text) == time)
    }
}
