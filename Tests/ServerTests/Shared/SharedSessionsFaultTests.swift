import NIOHTTP1
import Pipeline
import Synchronization
import TestShared
import Testing

@testable import Server

@Suite("Sessions that hosts share, where something between the hosts fails", .timeLimit(.minutes(1)))
struct SharedSessionsFaultTests {
    private let hosts = TestHosts(patience: .brief)
    private var hub: Hub { hosts.hub }
    private var gate: Gate { hosts.gate }

    /// Loses the first messages of each kind.
    private func lose(_ count: Int, of kinds: [String]) {
        let left = Mutex(Dictionary(uniqueKeysWithValues: kinds.map { ($0, count) }))
        hub.onMessage { bytes, _ in
            let text = String(decoding: bytes, as: UTF8.self)
            return left.withLock { left in
                for kind in kinds where text.contains(#""type":"\#(kind)""#) && left[kind, default: 0] > 0 {
                    left[kind, default: 0] -= 1
                    return .lost
                }
                return .sent
            }
        }
    }

    @Test("get the answer that is lost on its way to where the client has gone")
    func lostFrame() async throws {
        let (_, right, first) = try await hosts.working(on: "one", "two")
        let second = try await right.connect(first.session, after: 1)
        lose(2, of: ["frame", "ended"])
        gate.open()
        let frames = await second.heard.frames(3)
        #expect(frames[1].contains(#""response":"one""#) && frames[1].hasSuffix(#""seq":2}"#))
        #expect(frames[2].contains(#""response":"two""#) && frames[2].hasSuffix(#""seq":3}"#))
        // That it has ended came, too: it is not believed to be worked on for ever.
        for _ in 0..<5_000 {
            if second.heard.frames.count > 3 { break }
            second.ask("one", id: "c-1")
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(second.heard.frames.count > 3 && gate.begun == ["one", "two"])
    }

    @Test("answer a message by POST whose answer is lost on its way from the other host")
    func lostOutcome() async throws {
        let (_, right, first) = try await hosts.working(on: "one")
        lose(2, of: ["begin", "reply", "outcome"])
        async let posted = right.post("one", id: "c-1", session: first.session)
        try await Task.sleep(for: .milliseconds(100))
        gate.open()
        #expect(try await posted.contains(#""response":"one""#))
        #expect(gate.begun == ["one"])
    }

    @Test(
        "are handed over once, where the question or the answer is lost or comes twice", arguments: ["take", "reply"])
    func lostHandOver(kind: String) async throws {
        let (left, right, first) = try await hosts.answered("one")
        lose(2, of: [kind])
        let second = try await right.connect(first.session, after: 1)
        #expect(await second.heard.frames(2)[1].contains(#""response":"one""#))
        hub.onMessage { bytes, _ in
            String(decoding: bytes, as: UTF8.self).contains(#""type":"\#(kind)""#) ? .twice : .sent
        }
        let third = try await left.connect(first.session, after: 1)
        #expect(await third.heard.frames(2)[1].contains(#""response":"one""#))
    }

    @Test("are told of what was asked just before they moved, once its host dies, and not of what was answered")
    func askedJustBefore() async throws {
        let later = Gate()
        let work: @Sendable (inout Message) async throws -> Void = { [gate] in
            await ($0.prompt == "two" ? later : gate).pass($0)
        }
        let left = try TestHost(on: hub, patience: .brief, work)
        let right = try TestHost(on: hub, patience: .brief, work)
        let first = try await left.connect()
        first.ask("one", id: "c-1")
        try await left.written(first.session) { $0.open.count == 1 }
        // Other hosts would hear of both 10 ms after that.
        let isAsked = Mutex(false)
        hub.onMessage { [gate] bytes, _ in
            guard String(decoding: bytes, as: UTF8.self).contains(#""type":"take""#),
                isAsked.withLock({ isAsked in
                    defer { isAsked = true }
                    return !isAsked
                })
            else { return .sent }
            gate.open()
            first.ask("two", id: "c-2")
            return .late(.milliseconds(4))
        }
        let second = try await right.connect(first.session, after: 1)
        _ = await second.heard.frames(2)
        left.die()
        let frames = await second.heard.frames(3)
        #expect(frames[1].contains(#""response":"one""#))
        #expect(frames[2].contains("stopping") && frames[2].contains(#""id":"c-2""#))
        later.open()
        second.ask("two", id: "c-2")
        #expect(await second.heard.frames(4)[3].contains(#""response":"two""#))
    }

    @Test("are handed over by a host that takes its time: only one that is silent is dead")
    func slowHandOver() async throws {
        let (_, right, first) = try await hosts.working(on: "one", isKnown: true)
        // More than the two seconds of a host that is silent.
        hub.onMessage { bytes, _ in
            String(decoding: bytes, as: UTF8.self).contains(#""type":"reply""#) ? .late(.milliseconds(2_200)) : .sent
        }
        let second = try await right.connect(first.session, after: 1)
        gate.open()
        let frames = await second.heard.frames(2)
        #expect(frames[1].contains(#""response":"one""#) && frames[1].hasSuffix(#""seq":2}"#))
        #expect(gate.begun == ["one"])
    }

    @Test("come from where they are, also where the write of the host that takes them had no answer")
    func unanswered() async throws {
        let (left, right, first) = try await hosts.answered("one")
        try await left.written(first.session) { _ in true }
        let count = Mutex(0)
        hub.onWrite { values, _ in
            values.hasPrefix("sessions")
                && count.withLock {
                    $0 += 1; return $0 == 1
                } ? .unanswered : .done
        }
        let second = try await right.connect(first.session, after: 1)
        #expect(await second.heard.frames(2)[1].contains(#""response":"one""#))
        try await right.written(first.session) { $0.former.isEmpty && $0.host == right.shared.host }
    }

    @Test("come from where they are, where a host has died that was about to take them")
    func deadBetween() async throws {
        let (left, right, first) = try await hosts.working(on: "one", "two", isKnown: true)
        let middle = try hosts.host()
        // It is in the record, and dies before it has asked.
        hub.onMessage { bytes, _ in String(decoding: bytes, as: UTF8.self).contains(#""type":"take""#) ? .lost : .sent }
        async let lost = try? middle.connect(first.session, after: 1)
        try await left.written(first.session) { $0.host == middle.shared.host }
        middle.die()
        hub.onMessage { _, _ in .sent }
        let second = try await right.connect(first.session, after: 1)
        gate.open()
        let frames = await second.heard.frames(3)
        #expect(frames[1].contains(#""response":"one""#) && frames[2].contains(#""response":"two""#), "\(frames)")
        #expect(gate.begun == ["one", "two"])
        _ = await lost
    }

    @Test("are left by a host that stops beside their record, which stays short, until they are taken")
    func left() async throws {
        let long = String(repeating: "long ", count: 2_000)
        let (left, right, first) = try await hosts.answered(long)
        let counts = Mutex<[String: Int]>([:])
        hub.onWrite { values, _ in
            let count = counts.withLock { counts in
                counts[values, default: 0] += 1
                return counts[values]
            }
            return count == 1 ? .failed : count == 2 ? .unanswered : .done
        }
        await left.shared.park(until: .now + .seconds(20))
        left.die()
        let found = try await right.shared.values.get(first.session)
        #expect(try #require(found).bytes.count < 500)
        let second = try await right.connect(first.session, after: 1)
        let frames = await second.heard.frames(2)
        #expect(frames[1].contains(long) && frames[1].hasSuffix(#""seq":2}"#))
        let values = right.shared.state.withLock(\.left)
        for _ in 0..<5_000 {
            if try await values.get(first.session)?.bytes.isEmpty == true { break }
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(try await values.get(first.session)?.bytes.isEmpty == true)
    }

    @Test("tell a client once of the death of a host that has begun a message after the session had gone")
    func deathOfGuest() async throws {
        let gate = gate
        let left = try TestHost(on: hub, patience: .brief) { message in
            if message.prompt == "one" { try await Task.sleep(for: .seconds(50)) }
            await gate.pass(message)
        }
        let right = try hosts.host()
        let first = try await left.connect()
        first.ask("one", id: "c-1")
        first.ask("two", id: "c-2")
        let second = try await right.connect(first.session, after: 1)
        second.say(#"{"type": "cancel", "id": "c-1"}"#)
        // It asks first whether it may begin.
        await gate.come(1)
        #expect(await second.heard.frames(2)[1].contains("cancelled"))
        left.die()
        #expect(await second.heard.frames(3)[2].contains("stopping"))
        gate.open()
        second.ask("two", id: "c-2")
        let frames = await second.heard.frames(4)
        #expect(frames[3].contains(#""response":"two""#) && frames.count == 4, "\(frames)")
    }

    @Test("have forgotten a message by the time at which their client is told that it ended with a host")
    func askedAtOnce() async throws {
        let (left, right, first) = try await hosts.working(on: "one")
        _ = try await right.connect(first.session, after: 1)
        // Where the client is now, what follows comes as far apart as it was said.
        let third = try await hosts.host().connect(first.session, after: 1)
        hub.onMessage { bytes, _ in
            String(decoding: bytes, as: UTF8.self).contains(#""type":"ended""#) ? .late(.milliseconds(100)) : .sent
        }
        left.die()
        #expect(await third.heard.frames(2)[1].contains("stopping"))
        gate.open()
        third.ask("one", id: "c-1")
        for _ in 0..<10_000 where third.heard.frames.count < 3 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(third.heard.frames.last?.contains(#""response":"one""#) == true)
    }

    @Test("are left by a host that stops, and what another works on for them can be asked again where they go")
    func leftWhileWorkedOn() async throws {
        let (_, right, first) = try await hosts.working(on: "one")
        _ = try await right.connect(first.session, after: 1)
        await right.shared.park(until: .now + .seconds(20))
        right.die()
        let third = try await hosts.host().connect(first.session, after: 1)
        #expect(await third.heard.frames(2)[1].contains("stopping"))
        gate.open()
        third.ask("one", id: "c-1")
        for _ in 0..<10_000 where third.heard.frames.count < 3 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(third.heard.frames.last?.contains(#""response":"one""#) == true)
    }

    @Test("give a message by POST and the same one of the session's client an answer each, wherever the session goes")
    func postAndMove() async throws {
        let (left, right) = (try hosts.host(), try hosts.host())
        let first = try await left.connect()
        async let posted = left.post("one", id: "c-1", session: first.session)
        await gate.come(1)
        let second = try await right.connect(first.session, after: 1)
        second.ask("one", id: "c-1")
        try await second.hasSaid()
        gate.open()
        #expect(try await posted.contains(#""response":"one""#))
        #expect(await second.heard.frames(2)[1].contains(#""response":"one""#))
        #expect(gate.begun == ["one"])
    }

    @Test("answer a message once whose client has come back to where it is worked on")
    func thereAndBack() async throws {
        let (left, right, first) = try await hosts.working(on: "one")
        _ = try await right.connect(first.session, after: 1)
        let third = try await left.connect(first.session, after: 1)
        third.ask("one", id: "c-1")
        try await third.hasSaid()
        gate.open()
        third.ask("two", id: "c-2")
        let frames = await third.heard.frames(3)
        // It is asked after both were answered, so that a third frame would be here.
        third.ask("three", id: "c-3")
        #expect(await third.heard.frames(4)[3].contains("c-3"))
        #expect(Set(frames[1...].map { $0.contains("c-1") }) == [true, false], "\(frames)")
    }

    @Test("are told once how work ends, however often their client goes there and back")
    func manyMoves() async throws {
        let (left, right, first) = try await hosts.working(on: "one")
        var last = first
        for _ in 0..<8 {
            _ = try await right.connect(first.session, after: 1)
            last = try await left.connect(first.session, after: 1)
        }
        // What is sent again, as the other host is slow to acknowledge it, is the same.
        let ends = Mutex<Set<String>>([])
        hub.onMessage { bytes, _ in
            let text = String(decoding: bytes, as: UTF8.self)
            if text.contains(#""type":"ended""#) { ends.withLock { _ = $0.insert(text) } }
            return .sent
        }
        gate.open()
        last.ask("two", id: "c-2")
        let frames = await last.heard.frames(3)
        #expect(Set(frames[1...].map { $0.contains("c-1") }) == [true, false], "\(frames)")
        // Each tells the other once.
        #expect(ends.withLock(\.count) <= 2)
    }
}
