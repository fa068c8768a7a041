import Synchronization

/// A session on its way to this host.
final class Arrival: Sendable {
    private struct State {
        var isDecided = false
        var revision: UInt64?
        var waiting: [CheckedContinuation<UInt64?, Never>] = []
    }

    private let state = Mutex(State())

    /// Says by which revision of its record this host has taken the session; `nil` for none. What is said first counts.
    func decide(_ revision: UInt64?) {
        let waiting = state.withLock { state in
            if state.isDecided { return [] as [CheckedContinuation<UInt64?, Never>] }
            (state.isDecided, state.revision) = (true, revision)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: revision) }
    }

    /// The revision, once that is known: a host that asks for the session by a later one waits for it to be here; by an
    /// earlier one it does not, as two hosts could wait for each other.
    var revision: UInt64? {
        get async {
            await withCheckedContinuation { continuation in
                let decided = state.withLock { state -> UInt64?? in
                    if state.isDecided { return .some(state.revision) }
                    state.waiting.append(continuation)
                    return nil
                }
                if let decided { continuation.resume(returning: decided) }
            }
        }
    }
}
