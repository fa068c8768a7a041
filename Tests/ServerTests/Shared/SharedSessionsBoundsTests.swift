import Glibc
import NIOCore
import Pipeline
import Synchronization
import TestShared
import Testing

@testable import Server

@Suite("What hosts keep of sessions that move", .timeLimit(.minutes(1)))
struct SharedSessionsBoundsTests {
    private let hosts = TestHosts(patience: .brief)

    private func bounds(_ change: (inout SharedSessions.Bounds) -> Void) -> SharedSessions.Bounds {
        var bounds = SharedSessions.Bounds()
        change(&bounds)
        return bounds
    }

    @Test("has a bound before they have come: past it their messages end with an error, and can be asked again")
    func early() async throws {
        let bounds = bounds { $0.moving = 4_000 }
        let long = String(repeating: "long ", count: 1_000)
        let (_, right, first) = try await hosts.working(on: "one", long, "three", bounds: bounds)
        let second = try await right.connect(first.session, after: 1)
        // As if another host were still to be asked for the session.
        right.shared.state.withLock { $0.early[first.session] = EarlyMessages() }
        hosts.gate.open()
        for _ in 0..<10_000 where hosts.gate.begun.count < 3 { try await Task.sleep(for: .milliseconds(1)) }
        let isThere = { right.shared.state.withLock { $0.early[first.session]?.lost.values.first?.count == 2 } }
        for _ in 0..<10_000 where !isThere() { try await Task.sleep(for: .milliseconds(1)) }
        #expect(isThere() && (1...4_000).contains(right.shared.room.bytes))
        right.shared.hearEarly(first.session)
        let frames = await second.heard.frames(4)
        #expect(frames[1].contains(#""response":"one""#))
        #expect(frames[2...].allSatisfy { $0.contains("stopping") })
        #expect(Set(frames[2...].map { $0.contains(#""id":"c-2""#) }) == [true, false])
        second.ask("three", id: "c-3")
        #expect(await second.heard.frames(5)[4].contains(#""response":"three""#))
        #expect(second.heard.frames.count == 5 && right.shared.room.bytes == 0)
    }

    @Test("has a bound before the host to which they go is answered: past it each message ends, once")
    func outbox() {
        let room = MovingRoom(limit: 1_000)
        let said = Mutex<[ServerFrame]>([])
        let outbox = HostOutbox(in: room) { frame in said.withLock { $0.append(frame) } }
        func end(_ id: String?) -> ServerFrame { .error(.cancelled, clientID: id, in: .json) }
        for id in ["c-1", "c-2"] { outbox.add(end(id)) }
        #expect((1...1_000).contains(room.bytes))
        for id in ["c-3", nil, "c-4"] { outbox.add(end(id)) }
        #expect(room.bytes == 0 && said.withLock(\.isEmpty))
        let ends = outbox.open(["c-4", "c-5", nil])
        outbox.add(end("c-5"))
        #expect(ends == ["c-4", "c-5", nil, "c-1", "c-2", "c-3", nil])
        #expect(said.withLock(\.isEmpty) && room.bytes == 0)
    }

    @Test("is said in its order where there is room, and then at once")
    func order() {
        let room = MovingRoom(limit: 10_000)
        let said = Mutex<[String?]>([])
        let outbox = HostOutbox(in: room) { frame in said.withLock { $0.append(frame.clientID) } }
        for id in ["c-1", "c-2"] { outbox.add(.error(.cancelled, clientID: id, in: .json)) }
        #expect(outbox.open(["c-3"]) == nil)
        outbox.add(.error(.cancelled, clientID: "c-3", in: .json))
        #expect(said.withLock(\.self) == ["c-1", "c-2", "c-3"] && room.bytes == 0)
    }

    /// A client's session that moves while one message is worked on and one waits, and whose host has no room for what is said
    /// meanwhile. Work on the second waits at a gate of its own.
    private func moved(_ later: Gate) async throws -> (left: TestHost, second: TestSocket) {
        let gate = hosts.gate
        let work: @Sendable (inout Message) async throws -> Void = { message in
            await (message.prompt == "two" ? later : gate).pass(message)
        }
        let left = try TestHost(on: hosts.hub, patience: .brief, bounds: bounds { $0.moving = 100 }, work)
        let right = try TestHost(on: hosts.hub, patience: .brief, work)
        let first = try await left.connect()
        first.ask("one", id: "c-1")
        await gate.come(1)
        let (client, key) = (first.client, SessionKey(0, first.session))
        let session = try #require(left.kept.sessions.session(key))
        let asked = FirstOutcome<Void>()
        left.loop.execute {
            // What has no answer is looked for on this loop, which is held until the session is left.
            client.value.receive(#"{"prompt": "two", "id": "c-2"}"#)
            asked.finish(.success(()))
            for _ in 0..<100_000 where left.kept.sessions.session(key) != nil { usleep(100) }
            session.deliver(.delta("a word", of: Message(prompt: "one", clientID: "c-1")))
        }
        try await asked.value()
        let second = try await right.connect(first.session, after: 1)
        let frames = await second.heard.frames(3)[1...]
        #expect(frames.allSatisfy { $0.contains("stopping") })
        #expect(Set(frames.map { $0.contains(#""id":"c-1""#) }) == [true, false])
        return (left, second)
    }

    @Test("has a bound before they have gone: what is worked on ends with an error, and is answered when asked again")
    func askedAgain() async throws {
        let later = Gate()
        let (_, second) = try await moved(later)
        second.ask("one", id: "c-1")
        try await second.hasSaid()
        hosts.gate.open()
        for _ in 0..<10_000 where second.heard.frames.count < 4 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(second.heard.frames.last?.contains(#""response":"one""#) == true)
        later.open()
    }

    @Test("has a bound before they have gone: what waits ends with an error, and is answered when asked again")
    func waitingAskedAgain() async throws {
        let later = Gate()
        let findings = Mutex(0)
        let (_, second) = try await moved(later)
        hosts.hub.onMessage { bytes, _ in
            if String(decoding: bytes, as: UTF8.self).contains(#""finding""#) { findings.withLock { $0 += 1 } }
            return .sent
        }
        hosts.gate.open()
        // The host that was left looks whether it is to go on.
        for _ in 0..<10_000 where findings.withLock({ $0 == 0 }) { try await Task.sleep(for: .milliseconds(1)) }
        try await Task.sleep(for: .milliseconds(50))
        #expect(later.begun.isEmpty)
        second.ask("two", id: "c-2")
        try await second.hasSaid()
        later.open()
        for _ in 0..<10_000 where second.heard.frames.count < 4 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(second.heard.frames.last?.contains(#""response":"two""#) == true)
    }

    @Test("is given back once they have moved")
    func room() async throws {
        let (left, right, first) = try await hosts.working(on: "one", "two")
        let second = try await right.connect(first.session, after: 1)
        hosts.gate.open()
        #expect(await second.heard.frames(3).count == 3)
        #expect(left.shared.room.bytes == 0 && right.shared.room.bytes == 0)
        let isEmpty = right.shared.state.withLock(\.early.isEmpty)
        #expect(isEmpty)
    }

    @Test("is so many sessions for which others work: messages of the first end with an error, and can be asked again")
    func taken() async throws {
        let bounds = bounds { $0.taken = 2 }
        let (left, right) = (try hosts.host(), try hosts.host(bounds: bounds))
        var moved: [TestSocket] = []
        for number in 1...3 {
            let first = try await left.connect()
            first.ask("message \(number)", id: "c-1")
            await hosts.gate.come(number)
            moved.append(try await right.connect(first.session, after: 1))
        }
        #expect(await moved[0].heard.frames(2)[1].contains("stopping"))
        hosts.gate.open()
        for number in 2...3 {
            #expect(await moved[number - 1].heard.frames(2)[1].contains(#""response":"message \#(number)""#))
        }
        moved[0].ask("message 1", id: "c-1")
        #expect(await moved[0].heard.frames(3)[2].contains(#""response":"message 1""#))
        #expect(moved[0].heard.frames.count == 3)
    }

    @Test("is so many sessions that are elsewhere: others are looked up again")
    func homes() async throws {
        hosts.gate.open()
        let (left, right) = (try hosts.host(), try hosts.host(bounds: bounds { $0.homes = 3 }))
        for number in 0..<8 {
            let first = try await left.connect()
            try await left.written(first.session) { _ in true }
            for _ in 0..<2 {
                let answer = try await right.post("message \(number)", id: "c-1", session: first.session)
                #expect(answer.contains(#""response":"message \#(number)""#))
            }
            let count = right.shared.state.withLock(\.homes.count)
            #expect((1...3).contains(count))
        }
        #expect(hosts.gate.begun.count == 8)
    }
}

@Suite("What hosts say to each other that comes before what it follows")
struct HostPeerTests {
    private func accepted(_ count: Int, size: Int) -> Int {
        var peer = HostPeer(at: .now)
        let message = HostMessage(.cancel, from: "a", session: "s", number: 0)
        for order in 2..<(2 + count) {
            let (ready, isLost) = peer.accept(message, order, size: size)
            #expect(ready.isEmpty && !isLost)
        }
        let (ready, _) = peer.accept(message, 1, size: size)
        // Whatever was not kept comes again, and in its order.
        let rest = (ready.count + 1)..<(count + 2)
        #expect(rest.allSatisfy { peer.accept(message, $0, size: size).ready.count == 1 } && peer.heard == count + 1)
        return ready.count - 1
    }

    @Test("is kept up to 1,024 messages and 8 MiB; the rest is sent again")
    func bounds() {
        #expect(accepted(2_000, size: 100) == 1_024)
        #expect(accepted(20, size: 1 << 20) == 8)
        #expect(accepted(20, size: 100) == 20)
    }
}
