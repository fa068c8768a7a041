import Pipeline
import Synchronization

/// Holds messages up until they may go on, and counts them.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var begun: [String] = []
        var waiting: [CheckedContinuation<Void, Never>] = []
        var watching: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    var begun: [String] { state.withLock(\.begun) }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once so many messages have come.
    func come(_ count: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.begun.count < count { state.watching.append((count, continuation)) }
                return state.begun.count >= count
            }
            if isThere { continuation.resume() }
        }
    }

    func pass(_ message: Message) async {
        let watching = state.withLock { state in
            state.begun.append(message.prompt)
            defer { state.watching.removeAll { $0.count <= state.begun.count } }
            return state.watching.filter { $0.count <= state.begun.count }
        }
        for (_, continuation) in watching { continuation.resume() }
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
