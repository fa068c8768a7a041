import CoreMetrics
import HTTPClient
import Logging
import Pipeline
import Synchronization

/// The keys that an issuer of tokens publishes at an address: asked for in the background, kept, and asked for again. Who
/// judges a token takes those that are there; nobody waits but for an answer to a question about an unknown key.
final class IssuerKeys: Sendable {
    /// Asks the issuer once.
    typealias Ask = @Sendable () async throws(KeySetProblem) -> KeySetRequest.Answer

    /// What a token can be judged by.
    struct Current: Sendable {
        /// `nil` where there are none that count.
        let keys: [TokenVerifier.Key]?
        /// Whether the issuer has not answered the last question.
        let isFailing: Bool
        /// Seconds until it is asked again.
        let retryAfter: Int
    }

    private struct State {
        var schedule = KeySetSchedule()
        var set: KeySet?
        var problem: KeySetProblem?
        /// The question that is under way.
        var asking: Task<Void, Never>?
        /// Whether another is to follow it.
        var asksAgain = false
        /// What asks when it is time.
        var timer: Task<Void, Never>?
        var log = IssuerKeysLog()
        var isStopped = false
    }

    let address: KeySetAddress
    private let ask: Ask
    private let end: @Sendable () async -> Void
    private let clock: KeyClock
    private let logger: Logger
    private let answered: any CounterHandler
    private let failed: any CounterHandler
    private let current = Mutex(State())

    /// Keys that are not there yet; ``start()`` asks for them.
    convenience init(_ address: KeySetAddress) {
        let logger = Logger(label: "stagecoach")
        let request = KeySetRequest(address) { logger.warning("\($0)") }
        self.init(
            address, logger: logger, ask: { () async throws(KeySetProblem) in try await request.answer() },
            end: { await request.client.shutdown() })
    }

    /// - Parameters:
    ///   - ask: Asks the issuer once.
    ///   - end: Lets go of what `ask` uses.
    init(
        _ address: KeySetAddress, clock: KeyClock = KeyClock(), logger: Logger,
        factory: any MetricsFactory = MetricsSystem.factory, ask: @escaping Ask,
        end: @escaping @Sendable () async -> Void = {}
    ) {
        (self.address, self.ask, self.end, self.clock, self.logger) = (address, ask, end, clock, logger)
        func counter(_ outcome: String) -> any CounterHandler {
            factory.makeCounter(label: HostMetric.tokenKeyFetches.rawValue, dimensions: [("outcome", outcome)])
        }
        (answered, failed) = (counter("ok"), counter("failed"))
    }

    deinit {
        current.withLock { $0.timer?.cancel() }
    }

    /// What there is now.
    var state: Current {
        let now = clock.now()
        return current.withLock { state in
            Current(
                keys: state.schedule.hasKeys(at: now) ? state.set?.keys : nil, isFailing: state.problem != nil,
                retryAfter: state.schedule.secondsToWait(at: now))
        }
    }

    /// How long ago the keys came; `nil` where none have.
    var age: Duration? {
        let now = clock.now()
        return current.withLock { $0.schedule.fetched }.map { now - $0 }
    }

    /// Whether tokens can be judged, and how that stands, in words for operators and without the address.
    var readiness: (isReady: Bool, text: String) {
        let state = state
        if state.keys != nil {
            return (true, state.isFailing ? "ready with the last keys; the issuer is out of reach" : "ready")
        }
        return (false, age == nil ? "Keys of tokens not fetched" : "Keys of tokens are older than 24 h")
    }

    /// Asks for the first time; later calls do nothing.
    func start() {
        current.withLock { state in
            if state.asking == nil, state.schedule.due == nil { begin(&state) }
        }
    }

    /// Waits for the answer to the question that is under way, but no longer than so long.
    func waitForAnswer(upTo limit: Duration) async {
        guard let asking = current.withLock({ $0.asking }) else { return }
        try? await withTimeout(limit, orThrow: CancellationError()) { await asking.value }
    }

    /// How long clients are kept waiting for the first keys: most issuers answer in a tenth of it, and then nobody who comes at
    /// once is told to come again. Where an issuer is slow or out of reach, the host serves without them.
    static let longestWait: Duration = .seconds(1)

    /// Asks for the first time, where these are not those of before, and waits a while for the answer.
    func begin(unless former: IssuerKeys?) async {
        guard self !== former else { return }
        start()
        await waitForAnswer(upTo: IssuerKeys.longestWait)
    }

    /// Returns once the questions that are under way are answered, the last one with keys. While the issuer is out of reach,
    /// that may take as long as it is.
    ///
    /// - Returns: `false` where the task is cancelled before, or nobody asks any more.
    func haveCome() async -> Bool {
        while !Task.isCancelled {
            await waitForAnswer(upTo: .seconds(60))
            let (isStopped, isAnswered) = current.withLock { state in
                (state.isStopped, state.asking == nil && state.set != nil && state.problem == nil)
            }
            if isStopped { return false }
            if isAnswered { return true }
            try? await Task.sleep(for: .seconds(1))
        }
        return false
    }

    /// Asks now, or again once the question that is under way is answered.
    func refresh() {
        current.withLock { state in
            if state.asking == nil { begin(&state) } else { state.asksAgain = true }
        }
    }

    /// The question that is under way, or one that is asked because of a token whose key is not known: at most one in
    /// 30 s, whatever clients send.
    func askForUnknownKey() -> Task<Void, Never>? {
        current.withLock { state in
            if state.asking == nil, !state.isStopped, state.schedule.mayAskForUnknownKey(at: clock.now()) {
                begin(&state)
            }
            return state.asking
        }
    }

    /// Asks no more, and ends the question that is under way.
    func stop() async {
        let asking = current.withLock { state in
            state.isStopped = true
            state.timer?.cancel()
            state.asking?.cancel()
            return state.asking
        }
        await asking?.value
        await end()
    }

    private func begin(_ state: inout State) {
        guard !state.isStopped else { return }
        state.timer?.cancel()
        state.asking = Task { await self.askOnce() }
    }

    private func askOnce() async {
        let answer: Result<KeySetRequest.Answer, KeySetProblem>
        do throws(KeySetProblem) {
            answer = .success(try await ask())
        } catch {
            answer = .failure(error)
        }
        let now = clock.now()
        let entries = current.withLock { state in
            defer { settle(&state) }
            return state.isStopped ? [] : take(answer, at: now, &state)
        }
        for entry in entries { logger.log(level: entry.level, entry.message, metadata: entry.metadata(for: address)) }
    }

    /// - Returns: What is to be said of it.
    private func take(
        _ answer: Result<KeySetRequest.Answer, KeySetProblem>, at now: KeySetSchedule.Instant, _ state: inout State
    ) -> [IssuerKeysLog.Entry] {
        switch answer {
        case .success(let answer):
            answered.increment(by: 1)
            (state.set, state.problem) = (answer.set, nil)
            state.schedule.succeeded(at: now, maxAge: answer.maxAge)
            return state.log.fetched(answer.set)
        case .failure(let problem):
            failed.increment(by: 1)
            state.problem = problem
            state.schedule.failed(at: now)
            return state.log.failed(problem, hasKeys: state.schedule.hasKeys(at: now), had: state.set != nil)
        }
    }

    /// The question is answered: the next is asked when it is time.
    private func settle(_ state: inout State) {
        state.asking = nil
        guard !state.isStopped else { return }
        if state.asksAgain {
            state.asksAgain = false
            return begin(&state)
        }
        guard let due = state.schedule.due else { return }
        state.timer = Task { [weak self, clock] in
            try? await clock.sleep(due)
            guard !Task.isCancelled else { return }
            self?.timeHasCome()
        }
    }

    private func timeHasCome() {
        current.withLock { state in
            if state.asking == nil { begin(&state) }
        }
    }
}

/// The time that keys go by: the machine's, but in tests.
struct KeyClock: Sendable {
    var now: @Sendable () -> ContinuousClock.Instant = { .now }
    var sleep: @Sendable (ContinuousClock.Instant) async throws -> Void = {
        try await Task.sleep(until: $0, clock: .continuous)
    }
}
