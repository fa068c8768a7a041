import CCurl
import Glibc
import Testing

@testable import HTTPClient

@Suite("A socket that libcurl asks to be watched", .timeLimit(.minutes(1)))
struct WatchedSocketsTests {
    /// Puts a new socket in the place of a descriptor, which is closed, and has it say something.
    private func replace(_ descriptor: Int32) throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        var byte: UInt8 = 1
        send(ends[1], &byte, 1, 0)
        dup2(ends[0], descriptor)
        for end in ends { close(end) }
    }

    @Test("is watched though its number was another's, whose end libcurl did not tell", arguments: [false, true])
    func sameNumber(isToldOfEnd: Bool) throws {
        let events = try #require(CurlEvents())
        defer { events.close() }
        let lane = try #require(events.lane(0))
        let descriptor = dup(0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        for round in 1...3 {
            try replace(descriptor)
            if isToldOfEnd { events.noteOpened(descriptor) }
            events.want(CURL_POLL_IN, of: descriptor, for: lane)
            events.work(waiting: 0)
            #expect(events.actions == round)
            events.want(CURL_POLL_REMOVE, of: descriptor, for: lane)
            if isToldOfEnd { events.willClose(descriptor) }
        }
    }

    @Test("is watched by itself where the system refuses to gather it")
    func notGathered() throws {
        let events = try #require(CurlEvents(gathers: true))
        defer { events.close() }
        let lane = try #require(events.lane(0))
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        // A set that takes nothing, in the place of the one for what is gathered.
        let nothing = open("/dev/null", O_RDONLY)
        dup2(nothing, events.gatheredSet)
        close(nothing)

        events.want(CURL_POLL_IN, of: ends[0], for: lane)
        events.gather(ends[0], true)
        var byte: UInt8 = 1
        send(ends[1], &byte, 1, 0)
        events.work(waiting: 0)
        #expect(events.actions == 1)
    }
}
