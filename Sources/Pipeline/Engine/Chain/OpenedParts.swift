import Logging
import Synchronization

/// What was opened and must be closed, also when opening failed half-way.
final class OpenedParts: Sendable {
    private struct State {
        var closers: [@Sendable () async -> Void] = []
        /// How many are being closed.
        var closing = 0
    }

    private let state = Mutex(State())

    func add(_ close: @escaping @Sendable () async -> Void) {
        state.withLock { $0.closers.append(close) }
    }

    /// Closes everything, the last first. What has not closed in time is left behind, and the log says so: one that never
    /// returns must not keep the process.
    func closeAll(until deadline: ContinuousClock.Instant) async {
        // Also where the caller is cancelled.
        await Task {
            let race = FirstOutcome<Void>()
            let timer = Task {
                try await Task.sleep(until: deadline, clock: .continuous)
                race.finish(.failure(PipelineError.stopping))
            }
            Task {
                await ClosingTime.$deadline.withValue(deadline) { await self.closeEach() }
                race.finish(.success(()))
            }
            defer { timer.cancel() }
            do {
                try await race.value()
            } catch {
                let left = state.withLock { $0.closers.count + $0.closing }
                Logger.engine.warning("\(left) stages and resources have not closed in time; they are left as they are")
            }
        }.value
    }

    private func closeEach() async {
        while let close = next() {
            await close()
            state.withLock { $0.closing -= 1 }
        }
    }

    private func next() -> (@Sendable () async -> Void)? {
        state.withLock { state in
            guard let close = state.closers.popLast() else { return nil }
            state.closing += 1
            return close
        }
    }
}
