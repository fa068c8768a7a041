import CEvents
import Glibc
import Logging
import Pipeline
import Synchronization
import Threads

/// A program's processes, and the messages for them. What reads and writes is a thread of its own: who asks never
/// touches a pipe.
final class ProgramPool: Sendable {
    enum Phase {
        case idle, running, stopping, stopped
    }

    /// What the thread and those who ask share.
    struct Shared {
        var phase = Phase.idle
        var pool: PoolState
        /// What wakes the thread; there while it waits and must be woken.
        var bell: Int32?
        var onStart: CheckedContinuation<Void, any Error>?
        var onStop: [CheckedContinuation<Void, Never>] = []
        /// How long processes may take to end by themselves.
        var farewell = Duration.zero

        mutating func wake() {
            guard let bell = bell.take() else { return }
            stagecoach_ring(bell)
        }
    }

    let program: Program
    let rules: ProgramRules
    let shared: Mutex<Shared>

    init(_ program: Program, rules: ProgramRules, processes: Int) {
        self.program = program
        self.rules = rules
        shared = Mutex(Shared(pool: PoolState(rules: rules, processes: processes)))
    }

    /// Whether any process may get messages.
    var health: Health {
        let isUp = shared.withLock { $0.phase == .running && $0.pool.isUp }
        return isUp ? .ready : .failing(PipelineError(.stageFailed, "The program does not run", isRetryable: true))
    }

    /// Starts the processes.
    ///
    /// - Throws: Where one can't be started.
    func start(logger: Logger) async throws {
        try await withCheckedThrowingContinuation { continuation in
            shared.withLock { shared in
                shared.phase = .running
                shared.onStart = continuation
            }
            start(logger)
        }
    }

    /// Has a process answer a line.
    ///
    /// - Throws: ``PipelineError`` where none did.
    func answer(to text: String) async throws -> ProgramAnswer {
        let job = ProgramJob(text: text)
        return try await job.answer { submit(job) }
    }

    /// Has a process answer a line, and hands on the pieces of the answer as they come.
    ///
    /// - Throws: ``PipelineError`` where none did; what `receive` throws.
    func answer(
        to text: String, receive: nonisolated(nonsending) (String) async throws -> Void
    ) async throws -> ProgramAnswer {
        let channel = PieceChannel(window: ProgramRules.window, whenFull: rules.whenFull)
        let job = ProgramJob(text: text, channel: channel)
        return try await withTaskCancellationHandler {
            submit(job)
            do {
                while true {
                    switch await job.next() {
                    case .pieces(let pieces, let hasMadeRoom):
                        if hasMadeRoom { shared.withLock { $0.wake() } }
                        for piece in pieces { try await receive(piece) }
                    case .end(let outcome): return try outcome.get()
                    }
                }
            } catch {
                abandon(job)
                throw error
            }
        } onCancel: {
            abandon(job)
        }
    }

    /// Nobody waits for it any more.
    private func abandon(_ job: ProgramJob) {
        job.abandon()
        shared.withLock { shared in
            shared.pool.cancel(job)
            shared.wake()
        }
    }

    /// Ends the processes, and waits until they are gone.
    ///
    /// - Parameter farewell: How long they may take to end by themselves once their input has ended; then they are killed.
    func stop(within farewell: Duration) async {
        await withCheckedContinuation { continuation in
            let isOver = shared.withLock { shared in
                if shared.phase == .idle || shared.phase == .stopped {
                    shared.phase = .stopped
                    return true
                }
                shared.phase = .stopping
                shared.farewell = farewell
                shared.onStop.append(continuation)
                shared.wake()
                return false
            }
            if isOver { continuation.resume() }
        }
    }

    private func submit(_ job: ProgramJob) {
        let now = monotonicTime()
        let deliveries: [(job: ProgramJob, outcome: ProgramJob.Outcome)] = shared.withLock { shared in
            guard shared.phase == .running else { return [(job, .failure(PipelineError.stopping))] }
            if job.isSettled { return [] }
            shared.pool.add(job, now: now)
            shared.wake()
            return shared.pool.deliveries.isEmpty ? [] : shared.pool.takeDeliveries()
        }
        for (job, outcome) in deliveries { job.deliver(outcome) }
    }

    private func start(_ logger: Logger) {
        guard !startThread(named: "stagecoach-exec", { ProgramLoop(self, logger: logger).run() }) else { return }
        end(PipelineError(.stageFailed, "no thread could be started for the program"))
    }

    /// The thread is done.
    func end(_ error: any Error) {
        let (deliveries, onStart, onStop) = shared.withLock { shared in
            shared.phase = .stopped
            shared.pool.stop()
            defer { (shared.onStart, shared.onStop, shared.bell) = (nil, [], nil) }
            return (shared.pool.takeDeliveries(), shared.onStart, shared.onStop)
        }
        for (job, outcome) in deliveries { job.deliver(outcome) }
        onStart?.resume(throwing: error)
        for continuation in onStop { continuation.resume() }
    }
}
