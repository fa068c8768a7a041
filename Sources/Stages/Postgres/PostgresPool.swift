import DequeModule
import Glibc
import Pipeline

/// Connections that take jobs from one queue, each on a thread of its own and made when a job first needs it.
final class PostgresPool: Sendable {
    private struct State {
        var jobs: Deque<PostgresJob> = []
        var connected = 0
        var threads = 0
        var isClosed = false
        var onEnd: (@Sendable () -> Void)?
    }

    private let settings: PostgresSettings
    private let state = PostgresMonitor(State())
    private let noteFailure: @Sendable (PostgresFailure) -> Void

    /// - Parameter noteFailure: Told each failure that a job ends with.
    init(_ settings: PostgresSettings, noteFailure: @escaping @Sendable (PostgresFailure) -> Void) {
        self.settings = settings
        self.noteFailure = noteFailure
        for _ in 0..<settings.connections {
            state.withLock { $0.threads += 1 }
            if !startPostgresThread({ self.work() }) { state.withLock { $0.threads -= 1 } }
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

    /// Ends what waits for a connection.
    private func refuseWaiting(_ failure: PostgresFailure) {
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job.fail(failure) }
    }

    /// Ends the connections after what they are doing, and calls back when they are gone.
    func close(_ done: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            state.isClosed = true
            if state.threads > 0 { state.onEnd = done }
            return state.threads == 0
        }
        refuseWaiting(PostgresFailure(kind: .refused, detail: "the database is closed"))
        if isGone { done() }
    }

    private func work() {
        var session: PostgresSession?
        while let job = nextJob() {
            if job.deadline < .now {
                fail(job, PostgresFailure(kind: .timeout, detail: "no connection was free in time"))
            } else {
                serve(job, with: &session)
            }
        }
        session = nil
        let onEnd = state.withLock { state in
            state.threads -= 1
            return state.threads == 0 ? state.onEnd : nil
        }
        onEnd?()
    }

    private func nextJob() -> PostgresJob? {
        let next: PostgresJob?? = state.wait { state in
            if let job = state.jobs.popFirst() { return .some(job) }
            return state.isClosed ? .some(nil) : nil
        }
        return next ?? nil
    }

    private func serve(_ job: PostgresJob, with session: inout PostgresSession?) {
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
                if session != nil, failure.endsSession || !isUsable {
                    session = nil
                    state.withLock { $0.connected -= 1 }
                }
                if failure.endsSession, failure.kind != .timeout, attempt < tries { continue }
                if failure.kind == .refused, giveToAnother(job) { return }
                fail(job, failure)
                return
            } catch {
                return job.fail(error)
            }
        }
    }

    private func connect() throws -> PostgresSession {
        let session = try PostgresSession(settings.address, patience: settings.timeout)
        state.withLock { $0.connected += 1 }
        return session
    }

    /// Where the server takes no further connection but others are there, the job is theirs.
    private func giveToAnother(_ job: PostgresJob) -> Bool {
        let isGiven = state.withLock { state in
            guard state.connected > 0, !state.isClosed else { return false }
            state.jobs.prepend(job)
            return true
        }
        guard isGiven else { return false }
        // Not on the queue, where the one that is woken for a job must be one that takes it.
        usleep(.random(in: 100_000...250_000))
        return true
    }

    private func fail(_ job: PostgresJob, _ failure: PostgresFailure) {
        job.fail(failure)
        // Where the server says nothing any more, those who wait would each wait for its time limit in vain.
        let isSilent = failure.kind == .timeout && state.withLock { $0.connected == 0 }
        if isSilent { refuseWaiting(failure) }
        noteFailure(failure)
    }
}
