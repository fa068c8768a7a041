import DequeModule
import Glibc
import Pipeline
import Synchronization
import Threads

/// Connections that take jobs from one queue, each on a thread of its own and made when a job first needs it.
///
/// Who waits for a job hears of it within its time, whatever its thread is at: a thread may wait in a statement for as
/// long as that may take, and a job for a thread.
final class PostgresPool: Sendable {
    private struct State {
        var jobs: Deque<PostgresJob> = []
        /// What each thread is at.
        var running: [PostgresJob?]
        var connected = 0
        var threads = 0
        var isClosed = false
        var onEnd: (@Sendable () -> Void)?
    }

    private let settings: PostgresSettings
    private let state: ConditionLock<State>
    private let noteFailure: @Sendable (PostgresFailure) -> Void
    /// How often the server fell silent. Connections of before are not used again: on some ways it is heard again by new
    /// ones alone.
    private let silences = Atomic<Int>(0)
    /// When a stop gives up what is under way.
    private let end = Mutex<ContinuousClock.Instant?>(nil)

    /// - Parameter noteFailure: Told each failure that a job ends with.
    init(_ settings: PostgresSettings, noteFailure: @escaping @Sendable (PostgresFailure) -> Void) {
        self.settings = settings
        self.noteFailure = noteFailure
        state = ConditionLock(State(running: Array(repeating: nil, count: settings.connections)))
        for index in 0..<settings.connections {
            state.withLock { $0.threads += 1 }
            if !startThread(named: "stagecoach-pg", { PostgresWorker(self, index, settings).work() }) {
                state.withLock { $0.threads -= 1 }
            }
        }
        Task { [weak self] in
            while let pause = self?.endLate() { try? await Task.sleep(for: pause) }
        }
    }

    /// Does something with a connection, as soon as one is free.
    func run<Value: Sendable>(_ body: @escaping @Sendable (PostgresSession) throws -> Value) async throws -> Value {
        try await PostgresJob.perform(within: settings.timeout, body) { job in
            let refusal: PostgresFailure? = state.withLock(wakingAll: false) { state in
                guard !state.isClosed else { return PostgresFailure(kind: .refused, detail: "the database is closed") }
                guard state.threads > 0 else {
                    return PostgresFailure(kind: .refused, detail: "no thread could be started")
                }
                state.jobs.append(job)
                return nil
            }
            if let refusal { job.fail(refusal) }
        }
    }

    /// Nothing is heard of the server. What waits for a connection ends, and so does what is under way once nobody waits
    /// for it any more.
    func fellSilent(_ failure: PostgresFailure) {
        silences.add(1, ordering: .relaxed)
        refuseWaiting(failure)
    }

    /// Ends what waits for a connection.
    private func refuseWaiting(_ failure: PostgresFailure) {
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job.fail(failure) }
    }

    /// Ends the connections after what they are doing, but no later than a time, and calls back when they are gone.
    func close(by time: ContinuousClock.Instant, _ done: @escaping @Sendable () -> Void) {
        end.withLock { $0 = time }
        let isGone = state.withLock { state in
            state.isClosed = true
            if state.threads > 0 { state.onEnd = done }
            return state.threads == 0
        }
        refuseWaiting(PostgresFailure(kind: .refused, detail: "the database is closed"))
        if isGone { done() }
    }

    /// Says to those whose time is over that it is.
    ///
    /// - Returns: How long nobody's time will be over; `nil` once the pool is closed.
    private func endLate() -> Duration? {
        let (late, next) = state.withLock(wakingAll: false) { state in
            let now = ContinuousClock.now
            var late: [PostgresJob] = []
            // Who asks later has the same time from then on.
            var next = now + settings.timeout
            func look(at job: PostgresJob) {
                if job.deadline <= now { late.append(job) } else { next = min(next, job.deadline) }
            }
            state.jobs.removeAll { $0.isSettled() }
            for job in state.jobs { look(at: job) }
            for case let job? in state.running where !job.isSettled() { look(at: job) }
            return (late, state.isClosed ? nil : next - now)
        }
        for job in late { job.fail(PostgresFailure(kind: .timeout, detail: "the server did not answer in time")) }
        return next.map { min(max($0, .milliseconds(5)), .seconds(3_600)) }
    }

    // MARK: For the threads

    /// The next job of a thread, once there is one; `nil` where there will be none.
    fileprivate func nextJob(of thread: Int) -> PostgresJob? {
        let next: PostgresJob?? = state.wait { state in
            state.running[thread] = state.jobs.popFirst()
            if let job = state.running[thread] { return .some(job) }
            return state.isClosed ? .some(nil) : nil
        }
        return next ?? nil
    }

    fileprivate var silenceCount: Int { silences.load(ordering: .relaxed) }

    /// Whether a thread need not go on with a job.
    fileprivate func isPointless(_ job: PostgresJob, since silences: Int) -> Bool {
        guard let end = end.withLock(\.self) else { return silences != silenceCount && job.isSettled() }
        return job.isSettled() || end <= .now
    }

    fileprivate func connected(_ change: Int) {
        state.withLock { $0.connected += change }
    }

    fileprivate func hasEnded() {
        let onEnd = state.withLock { state in
            state.threads -= 1
            return state.threads == 0 ? state.onEnd : nil
        }
        onEnd?()
    }

    /// Where the server takes no further connection but others are there, the job is theirs.
    fileprivate func giveToAnother(_ job: PostgresJob) -> Bool {
        let isGiven = state.withLock { state in
            guard state.connected > 0, !state.isClosed else { return false }
            state.jobs.prepend(job)
            return true
        }
        guard isGiven else { return false }
        // Not on the queue, where the one that is woken for a job must be one that takes it.
        for _ in 0..<Int.random(in: 4...10) where end.withLock({ $0 == nil }) { usleep(25_000) }
        return true
    }

    fileprivate func fail(_ job: PostgresJob, _ failure: PostgresFailure) {
        job.fail(failure)
        noteFailure(failure)
    }
}

/// One thread of a pool, and its connection.
private final class PostgresWorker {
    private let pool: PostgresPool
    private let index: Int
    private let settings: PostgresSettings
    private var session: PostgresSession?
    /// How often the server had fallen silent when the connection was made.
    private var silences = 0
    private var job: PostgresJob?

    init(_ pool: PostgresPool, _ index: Int, _ settings: PostgresSettings) {
        (self.pool, self.index, self.settings) = (pool, index, settings)
    }

    func work() {
        while let next = pool.nextJob(of: index) {
            // What nobody waits for any more is not sent.
            if next.isSettled() { continue }
            job = next
            if next.deadline < .now {
                pool.fail(next, PostgresFailure(kind: .timeout, detail: "no connection was free in time"))
            } else {
                if session != nil, silences != pool.silenceCount { drop() }
                serve(next)
            }
            job = nil
        }
        session = nil
        pool.hasEnded()
    }

    private func drop() {
        session = nil
        pool.connected(-1)
    }

    private func serve(_ job: PostgresJob) {
        // A connection that was idle may have been dead for long; everything here can be done twice.
        let tries = session == nil ? 1 : 2
        for attempt in 1...tries {
            do {
                let current = try session ?? connect()
                session = current
                try job.run(current)
                return
            } catch let failure as PostgresFailure {
                let isUsable = session?.isIdle ?? false
                if session != nil, failure.endsSession || !isUsable { drop() }
                if failure.endsSession, failure.kind != .timeout, attempt < tries, !job.isSettled() { continue }
                if failure.kind == .refused, pool.giveToAnother(job) { return }
                pool.fail(job, failure)
                return
            } catch {
                return job.fail(error)
            }
        }
    }

    private func connect() throws -> PostgresSession {
        silences = pool.silenceCount
        let session = try PostgresSession(settings.address, patience: settings.timeout) { [unowned self] in
            job.map { pool.isPointless($0, since: silences) } ?? false
        }
        pool.connected(1)
        return session
    }
}
