import NIOHTTP1
import Pipeline
import Synchronization
import TestRandom
import TestShared
import Testing

@testable import Server

/// Clients that move between hosts whose messages are lost, delayed and repeated, and whose writes fail.
///
/// Each message is answered once, or ends in one error that says to try again; the frames have no gap and no number twice. Where
/// a host dies, what it alone has kept is lost, and nothing is told twice even then.
@Suite("Clients that move between hosts at random", .timeLimit(.minutes(2)))
struct SharedSessionsRandomTests {
    @Test("hear everything once and in order", arguments: 0..<rounds(200, usually: 12))
    func whole(round: Int) async throws { try await Round(seed: UInt64(round), dies: false).run() }

    @Test(
        "hear nothing twice where a host dies, and go on",
        arguments: 0..<rounds(200, usually: 12))
    func death(round: Int) async throws { try await Round(seed: UInt64(1_000 + round), dies: true).run() }
}

private final class Round: Sendable {
    private let seed: UInt64
    private let hub = Hub()
    private let hosts: [TestHost]
    private let begun = Counts()
    private let chance: Mutex<SplitMix>
    private let dead = Mutex<Int?>(nil)
    private let dies: Bool

    private static let messages = 8

    init(seed: UInt64, dies: Bool) throws {
        (self.seed, self.dies) = (seed, dies)
        chance = Mutex(SplitMix(seed: seed))
        let (hub, begun) = (hub, begun)
        let waits = Mutex(SplitMix(seed: seed &+ 7_777))
        hosts = try (0..<3).map { _ in
            try TestHost(on: hub, maxMessage: 3_000, patience: .brief, streams: seed % 2 == 0) { message in
                begun.add(message.prompt)
                let wait = waits.withLock { Int.random(in: 0...20, using: &$0) }
                try await Task.sleep(for: .milliseconds(wait))
            }
        }
    }

    private func random(_ range: ClosedRange<Int>) -> Int { chance.withLock { Int.random(in: range, using: &$0) } }

    func run() async throws {
        hub.onMessage { [self] _, subject in
            // A look whether a host is there costs its whole time where it is lost.
            switch random(0...99) {
            case 0..<2 where subject.hasPrefix("inbox"): .lost
            case 0..<8 where !subject.hasPrefix("inbox"): .lost
            case 8..<14: .twice
            case 14..<24: .late(.milliseconds(random(1...15)))
            default: .sent
            }
        }
        hub.onWrite { [self] _, _ in
            switch random(0...99) {
            case 0..<4: .failed
            case 4..<8: .unanswered
            default: .done
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in 0..<2 { group.addTask { try await self.client("client\(client)") } }
            if dies {
                group.addTask {
                    try await Task.sleep(for: .milliseconds(self.random(5...150)))
                    let victim = self.random(0...2)
                    self.dead.withLock { $0 = victim }
                    self.hosts[victim].die()
                }
            }
            try await group.waitForAll()
        }
        if !dies { for (prompt, count) in begun.all { #expect(count == 1, "\(prompt), seed \(seed)") } }
    }

    private var living: TestHost {
        while true {
            let index = random(0...2)
            if dead.withLock({ $0 != index }) { return hosts[index] }
        }
    }

    private func isDead(_ host: TestHost) -> Bool { dead.withLock { $0.map { hosts[$0] === host } ?? false } }

    /// Tries for as long as hosts say that they can't tell.
    private func trying<Result>(_ body: (TestHost) async throws -> Result) async throws -> (Result, TestHost) {
        for _ in 0..<200 {
            let host = living
            do {
                return (try await body(host), host)
            } catch let rejection as HTTPRejection where rejection.status == .serviceUnavailable {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        Issue.record("no host takes the session, seed \(seed)")
        throw CancellationError()
    }

    private func client(_ name: String) async throws {
        let heard = Heard(seed: seed, mayMiss: dies)
        var (socket, host) = try await trying { try await $0.connect() }
        let session = socket.session
        // A session of which no other host has heard begins anew there, as it does where its host dies before that.
        _ = try await trying { [first = host] host in
            if isDead(first) { return }
            guard (try? await host.shared.values.get(session)) != nil else { throw HTTPRejection.unavailable("") }
        }
        var next = 0
        let end = ContinuousClock.now + .seconds(40)
        while heard.ended.count < Self.messages, ContinuousClock.now < end {
            heard.read(socket.heard)
            for id in heard.takeRefused() { socket.ask("\(name) \(id) of several words", id: id) }
            let isOver = socket.heard.isClosed || isDead(host)
            if isOver || random(0...9) < 2 {
                if !isOver, random(0...1) == 0 { socket.leave() }
                heard.leave()
                let seen = heard.seen
                (socket, host) = try await trying { try await $0.connect(session, after: seen) }
                // What was said on a connection that was closed may not have come.
                if isOver { for id in heard.askAgain() { socket.ask("\(name) \(id) of several words", id: id) } }
            } else if next < Self.messages, random(0...2) == 0 {
                socket.ask("\(name) \(next) of several words", id: "\(next)")
                heard.asked.insert("\(next)")
                next += 1
            } else {
                try await Task.sleep(for: .milliseconds(random(0...15)))
            }
            // What died with a host without a word is asked again, and is not taken for asked.
            if dies, next == Self.messages, dead.withLock({ $0 != nil }), heard.isQuiet(for: .seconds(2)) {
                for id in heard.askAgain() { socket.ask("\(name) \(id) of several words", id: id) }
                heard.stir()
            }
        }
        #expect(heard.ended.count == Self.messages, "\(name) has \(heard.ended), \(socket.heard.frames), seed \(seed)")
        #expect(heard.problems.isEmpty, "\(name): \(heard.problems), seed \(seed)")
        // The same again by POST has the same answers.
        guard !dies else { return }
        let (answer, _) = try await trying {
            try await $0.post("\(name) 0 of several words", id: "0", session: session)
        }
        #expect(answer.contains("\(name) 0 of several words") || answer.contains("stopping"), "\(answer), seed \(seed)")
    }
}

/// How many times each message was begun.
private final class Counts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    func add(_ text: String) { counts.withLock { $0[text, default: 0] += 1 } }
    var all: [String: Int] { counts.withLock(\.self) }
}

/// What one client has heard over all its connections.
private final class Heard {
    private let seed: UInt64
    private let mayMiss: Bool
    private var read = 0
    private(set) var seen = 1
    private(set) var ended: Set<String> = []
    private(set) var problems: [String] = []
    var asked: Set<String> = []
    private var again: Set<String> = []
    private var refused: [String] = []
    private var pieces: [String: String] = [:]
    private var isNew = true
    private var stirred = ContinuousClock.now

    init(seed: UInt64, mayMiss: Bool) { (self.seed, self.mayMiss) = (seed, mayMiss) }

    func leave() { read = 0 }

    func isQuiet(for time: Duration) -> Bool { .now - stirred > time }

    func stir() { stirred = .now }

    /// Messages without an answer, which may be answered twice from now on.
    func askAgain() -> Set<String> {
        let open = asked.subtracting(ended)
        again.formUnion(open)
        return open
    }

    /// Messages that were refused, and may be sent again.
    func takeRefused() -> [String] {
        defer { refused = [] }
        return refused
    }

    func read(_ heard: TestSocket.Heard) {
        let frames = heard.frames
        for text in frames.dropFirst(read) { hear(text) }
        read = frames.count
    }

    private func hear(_ text: String) {
        guard case .object(let frame)? = JSONValue(json: text), let number = frame["seq"]?.whole else { return }
        // That the client has come back is none of it: it comes again and again.
        stir()
        if frame["type"]?.text == "session" {
            // At its first connection, or at a host that knows nothing of it any more.
            if !isNew, !mayMiss { problems.append("a second greeting") }
            isNew = false
            seen = number
            return
        }
        if number != seen + 1, !(mayMiss && number > seen) { problems.append("\(text) after \(seen)") }
        seen = number
        guard let id = frame["id"]?.text else { return }
        switch frame["type"]?.text {
        case "delta": pieces[id, default: ""] += frame["text"]?.text ?? ""
        case "response":
            if !ended.insert(id).inserted, !again.contains(id) { problems.append("\(id) was answered twice") }
            let whole = frame["response"]?.text
            if !mayMiss, !again.contains(id), let piece = pieces[id], piece != whole {
                problems.append("\(id) came as '\(piece)'")
            }
        case "error":
            // A host that has died may have had no time to say that it was answered.
            if ended.contains(id), !mayMiss, !again.contains(id) {
                problems.append("\(id) was answered and ended with \(text)")
            }
            if !text.contains("stopping") { problems.append(text) }
            pieces[id] = nil
            if !ended.contains(id) { refused.append(id) }
        default: problems.append(text)
        }
    }
}
