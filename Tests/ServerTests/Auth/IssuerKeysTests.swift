import Logging
import MetricsTestKit
import Pipeline
import Synchronization
import Testing

@testable import Server

@Suite("Keys of an issuer", .timeLimit(.minutes(1)))
struct IssuerKeysTests {
    /// A clock that a test moves, and that tells for when somebody sets an alarm.
    private final class TestClock: Sendable {
        private struct Sleeper {
            let due: ContinuousClock.Instant
            let continuation: CheckedContinuation<Void, any Error>
        }

        private let state: Mutex<(now: ContinuousClock.Instant, sleepers: [Int: Sleeper], next: Int)>
        let alarms = AsyncStream<ContinuousClock.Instant>.makeStream()
        let start = ContinuousClock.now

        init() { state = Mutex((start, [:], 0)) }

        var now: ContinuousClock.Instant { state.withLock(\.now) }

        func advance(by duration: Duration) {
            let woken = state.withLock { state in
                state.now += duration
                let woken = state.sleepers.filter { $0.value.due <= state.now }
                for number in woken.keys { state.sleepers[number] = nil }
                return woken.values
            }
            for sleeper in woken { sleeper.continuation.resume() }
        }

        func sleep(until due: ContinuousClock.Instant) async throws {
            let number = state.withLock { state in
                state.next += 1
                return state.next
            }
            alarms.continuation.yield(due)
            try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    let isOver = state.withLock { state in
                        if Task.isCancelled || due <= state.now { return true }
                        state.sleepers[number] = Sleeper(due: due, continuation: continuation)
                        return false
                    }
                    if isOver { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.sleepers.removeValue(forKey: number) }?.continuation.resume(
                    throwing: CancellationError())
            }
        }
    }

    private typealias Answer = Result<KeySetRequest.Answer, KeySetProblem>

    private let clock = TestClock()
    private let asked = AsyncStream<Void>.makeStream()
    private let script = Box()
    private let metrics = TestMetrics()
    private let log = Lines()

    private final class Box: Sendable {
        let answers = Mutex<[Answer]>([])
    }

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])

        /// How many entries hold a text.
        func count(of text: String) -> Int { all.withLock { lines in lines.count { $0.contains(text) } } }
    }

    /// Gives the answers of the script, the last one again and again.
    private func keys(_ answers: Answer...) -> IssuerKeys {
        script.answers.withLock { $0 = answers }
        let start = SourceLocation(line: 1, column: 1)
        let address = KeySetAddress(
            text: "https://login.example/keys?a=b", range: SourceRange(start: start, end: start))
        let logger = Logger(label: "test") { [log] label in
            LogOutput(label: label, level: .debug, format: .json) { line in log.all.withLock { $0.append(line) } }
        }
        return IssuerKeys(
            address,
            clock: KeyClock(now: { [clock] in clock.now }, sleep: { [clock] in try await clock.sleep(until: $0) }),
            logger: logger, factory: metrics
        ) { [asked, script] () async throws(KeySetProblem) in
            asked.continuation.yield()
            return try script.answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }.get()
        }
    }

    private static func good(maxAge: Duration? = nil) async throws -> Answer {
        .success(KeySetRequest.Answer(set: try KeySetTests.set(), maxAge: maxAge))
    }

    private static let bad = Answer.failure(KeySetProblem(description: "status 500"))

    /// When the next question is to be asked, from the start.
    private func nextAlarm() async throws -> Duration {
        var alarms = clock.alarms.stream.makeAsyncIterator()
        return try #require(await alarms.next()) - clock.start
    }

    /// Returns once the next question is answered.
    private func nextAnswer(_ keys: IssuerKeys) async throws {
        var questions = asked.stream.makeAsyncIterator()
        try #require(await questions.next() != nil)
        await keys.waitForAnswer(upTo: .seconds(30))
    }

    @Test(
        "are asked for again after ten minutes, or as the answer says, within a minute and an hour",
        arguments: [
            (nil, 600), (0, 60), (59, 60), (61, 61), (3_599, 3_599), (3_601, 3_600), (19_845, 3_600),
        ] as [(Int?, Int)])
    func interval(maxAge: Int?, seconds: Int) async throws {
        let keys = keys(try await Self.good(maxAge: maxAge.map { .seconds($0) }))
        keys.start()
        keys.start()
        try await nextAnswer(keys)
        #expect(keys.state.keys?.count == 1 && keys.readiness == (true, "ready"))
        #expect(try await nextAlarm() == .seconds(seconds))
        clock.advance(by: .seconds(seconds))
        try await nextAnswer(keys)
        #expect(try await nextAlarm() == .seconds(2 * seconds))
        #expect(metrics.counterTotal(label: "stagecoach_token_key_fetches_total", dimensions: [("outcome", "ok")]) == 2)
        #expect(log.count(of: "Fetched") == 1)
        await keys.stop()
    }

    @Test("are asked for the sake of unknown keys once in 30 s, and then for all who come")
    func unknownKey() async throws {
        let keys = keys(try await Self.good())
        keys.start()
        try await nextAnswer(keys)
        let question = try #require(keys.askForUnknownKey())
        await question.value
        try await nextAnswer(keys)
        for _ in 0..<100 { #expect(keys.askForUnknownKey() == nil) }
        clock.advance(by: .milliseconds(29_900))
        #expect(keys.askForUnknownKey() == nil)
        clock.advance(by: .milliseconds(100))
        #expect(keys.askForUnknownKey() != nil)
        try await nextAnswer(keys)
        #expect(keys.askForUnknownKey() == nil)
        keys.refresh()
        try await nextAnswer(keys)
        #expect(metrics.counterTotal(label: "stagecoach_token_key_fetches_total", dimensions: [("outcome", "ok")]) == 4)
        await keys.stop()
    }

    @Test("count for 24 h after they came, and are asked for each 30 s meanwhile")
    func kept() async throws {
        let keys = keys(try await Self.good(), Self.bad)
        keys.start()
        try await nextAnswer(keys)
        #expect(try await nextAlarm() == .seconds(600))
        clock.advance(by: .seconds(600))
        try await nextAnswer(keys)
        #expect(try await nextAlarm() == .seconds(630))
        #expect(keys.state.keys?.count == 1 && keys.state.isFailing && keys.state.retryAfter == 30)
        #expect(keys.readiness == (true, "ready with the last keys; the issuer is out of reach"))
        clock.advance(by: .seconds(86_400 - 600))
        #expect(keys.state.keys?.count == 1)
        try await nextAnswer(keys)
        clock.advance(by: .seconds(1))
        #expect(keys.state.keys == nil && keys.readiness == (false, "Keys of tokens are older than 24 h"))
        for _ in 0..<3 {
            keys.refresh()
            try await nextAnswer(keys)
        }
        #expect(log.count(of: "the last ones are used") == 1 && log.count(of: "older than 24 h") == 1)
        #expect(log.count(of: "login.example/keys") == 3 && log.count(of: "a=b") == 0)
        let good = try await Self.good()
        script.answers.withLock { $0 = [good] }
        keys.refresh()
        try await nextAnswer(keys)
        #expect(keys.state.keys?.count == 1 && !keys.state.isFailing)
        // It is said once they are there.
        for _ in 0..<10_000 where log.count(of: "fetched again") == 0 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(log.count(of: "fetched again") == 1)
        await keys.stop()
    }

    @Test("that have never come are asked for after 1, 2, 4 and then each 5 s")
    func never() async throws {
        let keys = keys(Self.bad)
        #expect(keys.readiness == (false, "Keys of tokens not fetched"))
        keys.start()
        var due = 0
        for pause in [1, 2, 4, 5, 5] {
            try await nextAnswer(keys)
            due += pause
            #expect(try await nextAlarm() == .seconds(due))
            #expect(keys.state.keys == nil && keys.state.isFailing && keys.state.retryAfter == pause)
            clock.advance(by: .seconds(pause))
        }
        try await nextAnswer(keys)
        #expect(log.count(of: "answered 503") == 1 && keys.age == nil)
        await keys.stop()
    }

    @Test("are asked for once more where that is wanted during a question")
    func again() async throws {
        let keys = keys(try await Self.good())
        keys.refresh()
        keys.refresh()
        keys.refresh()
        try await nextAnswer(keys)
        try await nextAnswer(keys)
        let total = metrics.counterTotal(label: "stagecoach_token_key_fetches_total", dimensions: [("outcome", "ok")])
        #expect((2...3).contains(total))
        await keys.stop()
    }

    @Test("are asked for no more after a stop, which ends the question that is under way")
    func stop() async throws {
        let begun = AsyncStream<Void>.makeStream()
        let start = SourceLocation(line: 1, column: 1)
        let address = KeySetAddress(text: "https://login.example", range: SourceRange(start: start, end: start))
        let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let keys = IssuerKeys(address, logger: silent, factory: metrics) { () async throws(KeySetProblem) in
            begun.continuation.yield()
            try? await Task.sleep(for: .seconds(3_600))
            throw KeySetProblem(description: "cancelled")
        }
        keys.start()
        for await _ in begun.stream { break }
        await keys.stop()
        keys.refresh()
        keys.start()
        #expect(keys.askForUnknownKey() == nil && keys.state.keys == nil)
        #expect(
            metrics.counterTotal(label: "stagecoach_token_key_fetches_total", dimensions: [("outcome", "failed")]) == 0)
    }
}
