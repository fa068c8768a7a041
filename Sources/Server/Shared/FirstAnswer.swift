import Synchronization

/// The first answer of several.
final class FirstAnswer<Answer: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<Answer?, Never>)
        case done(Answer)
    }

    private let state = Mutex(State.open)

    func finish(_ answer: Answer) {
        let waiting = state.withLock { state -> CheckedContinuation<Answer?, Never>? in
            defer { if case .done = state {} else { state = .done(answer) } }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume(returning: .some(answer))
    }

    /// Waits for it, for one task at a time.
    ///
    /// - Returns: `nil` where it has not come yet.
    func answer(within limit: Duration) async -> Answer? {
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        return await withCheckedContinuation { continuation in
            let answer = state.withLock { state -> Answer? in
                if case .done(let answer) = state { return .some(answer) }
                state = .waiting(continuation)
                return nil
            }
            if let answer { return continuation.resume(returning: .some(answer)) }
            // Not before somebody waits: one that is over by then, where the machine is busy, wakes nobody.
            timer = Task {
                try? await Task.sleep(for: limit)
                self.stopWaiting()
            }
        }
    }

    private func stopWaiting() {
        let waiting = state.withLock { state -> CheckedContinuation<Answer?, Never>? in
            guard !Task.isCancelled, case .waiting(let continuation) = state else { return nil }
            state = .open
            return continuation
        }
        waiting?.resume(returning: nil)
    }
}
