import NIOHTTP1
import Pipeline
import TestShared
import Testing

@testable import Server

@Suite("Sessions that hosts share", .timeLimit(.minutes(1)))
struct SharedSessionsTests {
    private let hosts = TestHosts()
    private var gate: Gate { hosts.gate }

    private func response(_ text: String, id: String, _ frame: String, _ sequence: Int) -> Bool {
        frame.contains(#""type":"response""#) && frame.contains(#""id":"\#(id)""#)
            && frame.contains(#""response":"\#(text)""#) && frame.hasSuffix(#""seq":\#(sequence)}"#)
    }

    @Test("go on at another host: it sends what was missed, and the numbers continue")
    func resume() async throws {
        let (left, right, first) = try await hosts.answered("one", "two")
        let second = try await right.connect(first.session, after: 2)
        let frames = await second.heard.frames(2)
        #expect(frames[0] == "resumed after 2" && response("two", id: "c-2", frames[1], 3))
        second.ask("three", id: "c-3")
        #expect(response("three", id: "c-3", await second.heard.frames(3)[2], 4))
        _ = await first.heard.frames(9)
        #expect(first.heard.isClosed)
        // And back.
        let third = try await left.connect(first.session, after: 1)
        #expect(await third.heard.frames(4).count == 4)
    }

    @Test("go on while an answer is being made: it comes to where the client is")
    func underWay() async throws {
        let (_, right, first) = try await hosts.working(on: "one", "two")
        first.leave()
        let second = try await right.connect(first.session, after: 1)
        // It is asked again, by a client that doesn't know whether it came.
        second.ask("one", id: "c-1")
        // Before it is answered: afterwards it would get the answer again.
        try await second.hasSaid()
        gate.open()
        let frames = await second.heard.frames(3)
        #expect(response("one", id: "c-1", frames[1], 2) && response("two", id: "c-2", frames[2], 3))
        second.ask("three", id: "c-3")
        #expect(response("three", id: "c-3", await second.heard.frames(4)[3], 4))
        #expect(gate.begun.sorted() == ["one", "three", "two"])
    }

    @Test("go on at a third host, while the first still works")
    func threeHosts() async throws {
        let (_, right, first) = try await hosts.working(on: "one")
        first.leave()
        let second = try await right.connect(first.session, after: 1)
        second.leave()
        let third = try await hosts.host().connect(first.session, after: 1)
        gate.open()
        #expect(response("one", id: "c-1", await third.heard.frames(2)[1], 2))
        third.ask("one", id: "c-1")
        #expect(response("one", id: "c-1", await third.heard.frames(3)[2], 3))
        #expect(gate.begun == ["one"])
    }

    @Test("end a message at the host that works on it")
    func cancel() async throws {
        let (_, right, first) = try await hosts.working(on: "one", "two")
        let second = try await right.connect(first.session, after: 1)
        second.say(#"{"type": "cancel", "id": "c-2"}"#)
        gate.open()
        let frames = await second.heard.frames(3)
        #expect(frames[1...].contains { $0.contains("cancelled") && $0.contains("c-2") })
    }

    @Test("give a message that comes again at another host the answer it had, or will get")
    func again() async throws {
        let (left, right, first) = try await hosts.working(on: "one")
        async let posted = right.post("one", id: "c-1", session: first.session)
        async let another = right.post("one", id: "c-1", session: first.session)
        // Nobody can tell when those wait; they get the same either way.
        gate.open()
        #expect(try await posted.contains(#""response":"one""#))
        #expect(try await another.contains(#""response":"one""#))
        #expect(try await right.post("one", id: "c-1", session: first.session).contains(#""response":"one""#))
        #expect(gate.begun == ["one"])
        #expect(try await right.post("two", id: "c-1", session: first.session).contains(#""response":"two""#))
        #expect(try await left.post("two", id: "c-1", session: first.session).contains(#""response":"two""#))
        #expect(gate.begun == ["one", "two"])
        #expect(!first.heard.isClosed)
    }

    @Test("work once on a message that comes to several hosts at one instant")
    func atOnce() async throws {
        gate.open()
        let all = [try hosts.host(), try hosts.host(), try hosts.host()]
        for round in 0..<50 {
            let session = UniqueID.random().description
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for host in all { group.addTask { try await host.post("q\(round)", id: "c", session: session) } }
                return try await group.reduce(into: Set()) { $0.insert($1.prefix { $0 != "," } + $1.suffix(60)) }
            }
            #expect(answers.count == 1, "\(answers)")
            #expect(gate.begun.count == round + 1)
        }
    }

    @Test("are one client's that comes to two hosts at one instant: one of them has it in the end")
    func clientsAtOnce() async throws {
        gate.open()
        let all = (try hosts.host(), try hosts.host())
        for _ in 0..<50 {
            let session = UniqueID.random().description
            async let left = all.0.connect(session)
            async let right = all.1.connect(session)
            let sockets = [try await left, try await right]
            for _ in 0..<500 where !sockets.contains(where: \.heard.isClosed) {
                try await Task.sleep(for: .milliseconds(1))
            }
            #expect(sockets.count { $0.heard.isClosed } == 1)
            let open = sockets.first { !$0.heard.isClosed }
            open?.ask("hello", id: "c-1")
            #expect(await open?.heard.frames(2).last?.contains(#""response":"hello""#) == true)
        }
    }

    @Test("are their user's on every host")
    func owner() async throws {
        let (left, right, first) = try await hosts.answered("one", user: "ann")
        await #expect(throws: HTTPRejection.self) { try await right.connect(first.session, after: 1, user: "bob") }
        await #expect(throws: HTTPRejection.self) {
            try await right.post("one", id: "c-1", session: first.session, user: "bob")
        }
        let second = try await right.connect(first.session, after: 1, user: "ann")
        #expect(await second.heard.frames(2).count == 2)
        await #expect(throws: HTTPRejection.self) { try await left.connect(first.session, after: 1, user: "bob") }
    }

    @Test("whose host has died end what was under way, once")
    func death() async throws {
        // The others hear of it soon, not at once.
        let (left, right, first) = try await hosts.working(on: "one", "two", isKnown: true)
        left.die()
        let second = try await right.connect(first.session, after: 1)
        let frames = await second.heard.frames(3)
        #expect(frames[0] == "resumed after 1")
        #expect(frames[1].contains("stopping") && frames[1].contains("c-1") && frames[1].hasSuffix(#""seq":2}"#))
        #expect(frames[2].contains("stopping") && frames[2].contains("c-2") && frames[2].hasSuffix(#""seq":3}"#))
        let third = try await hosts.host().connect(first.session, after: 3)
        gate.open()
        third.ask("one", id: "c-1")
        #expect(response("one", id: "c-1", await third.heard.frames(2)[1], 4))
    }

    @Test("end with an error what was under way at a host that has died after its client went elsewhere")
    func deathOfWorker() async throws {
        let (left, right, first) = try await hosts.working(on: "one", isKnown: true)
        let second = try await right.connect(first.session, after: 1)
        left.die()
        let frames = await second.heard.frames(2)
        #expect(frames[1].contains("stopping") && frames[1].contains("c-1") && frames[1].hasSuffix(#""seq":2}"#))
        gate.open()
        second.ask("one", id: "c-1")
        #expect(response("one", id: "c-1", await second.heard.frames(3)[2], 3))
    }

    @Test("are left to the others by a host that stops")
    func park() async throws {
        let (left, right, first) = try await hosts.answered("one", "two", user: "ann")
        await left.shared.park(until: .now + .seconds(5))
        left.die()
        await #expect(throws: HTTPRejection.self) { try await right.connect(first.session, after: 1, user: "bob") }
        let second = try await right.connect(first.session, after: 2, user: "ann")
        let frames = await second.heard.frames(2)
        #expect(frames[0] == "resumed after 2" && response("two", id: "c-2", frames[1], 3))
        #expect(
            try await right.post("one", id: "c-1", session: first.session, user: "ann").contains(#""response":"one""#))
        #expect(gate.begun == ["one", "two"])
    }

    @Test("are handed over in parts where one message takes less")
    func parts() async throws {
        let long = String(repeating: "long ", count: 2_000)
        let (_, right, first) = try await hosts.answered(long, maxMessage: 2_000)
        let second = try await right.connect(first.session, after: 1)
        #expect(response(long, id: "c-1", await second.heard.frames(2)[1], 2))
    }

    @Test("that are here go on while no other host can be reached; others are refused for now")
    func outage() async throws {
        let (left, right, first) = try await hosts.answered()
        try await left.written(first.session) { _ in true }
        hosts.hub.isDown = true
        first.ask("one", id: "c-1")
        #expect(await first.heard.frames(2).count == 2)
        first.leave()
        let again = try await left.connect(first.session, after: 1)
        #expect(await again.heard.frames(2).count == 2)
        async let refused = right.connect(first.session, after: 1)
        let fresh = try await right.connect()
        fresh.ask("new", id: "c-1")
        #expect(await fresh.heard.frames(2).count == 2)
        do {
            _ = try await refused
            Issue.record("a host can't know whose session it is")
        } catch let rejection as HTTPRejection {
            #expect(rejection.status == .serviceUnavailable)
        }
        hosts.hub.isDown = false
        let second = try await right.connect(first.session, after: 1)
        #expect(await second.heard.frames(2).count == 2)
        // What began meanwhile is known to the others now.
        try await right.written(fresh.session) { _ in true }
        let moved = try await left.connect(fresh.session, after: 1)
        #expect(await moved.heard.frames(2).count == 2)
    }
}
