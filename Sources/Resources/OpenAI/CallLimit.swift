import DequeModule
import Pipeline
import Synchronization

/// Lets so many calls run at once. Where more wait, conversations take turns, so that one which asks much holds up none
/// that asks little.
final class CallLimit: Sendable {
    private struct Waiter {
        let number: Int
        let turn: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var running = 0
        var numbers = 0
        var waiting: [String: Deque<Waiter>] = [:]
        /// Conversations that wait, the next first.
        var order = Deque<String>()
    }

    private let state = Mutex(State())

    /// How many wait for their turn.
    var waiting: Int { state.withLock { $0.waiting.values.reduce(0) { $0 + $1.count } } }

    /// Makes a call when it is its turn.
    ///
    /// - Throws: What the call throws; `model_timeout` where its turn does not come in time; `CancellationError`.
    func run<Value>(
        atMost limit: Int?, for request: CompletionRequest, _ call: (CompletionRequest) async throws -> Value
    ) async throws -> Value {
        guard let limit else { return try await call(request) }
        let start = EngineTime.now
        guard await enter(limit, request) else {
            try Task.checkCancellation()
            throw ModelError.timeout("\(limit) calls were running all the time")
        }
        defer { leave() }
        var request = request
        request.timeout = max(request.timeout - (EngineTime.now - start), .milliseconds(1))
        return try await call(request)
    }

    private func enter(_ limit: Int, _ request: CompletionRequest) async -> Bool {
        let number: Int? = state.withLock { state in
            if state.running < limit {
                state.running += 1
                return nil
            }
            state.numbers += 1
            return state.numbers
        }
        guard let number else { return true }
        let stopTimer = EngineTime.alarm(after: request.timeout) { self.giveUp(number, request.conversation) }
        defer { stopTimer() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { wait(Waiter(number: number, turn: $0), limit, request.conversation) }
        } onCancel: {
            giveUp(number, request.conversation)
        }
    }

    private func wait(_ waiter: Waiter, _ limit: Int, _ conversation: String) {
        let outcome: Bool? = state.withLock { state in
            if Task.isCancelled { return false }
            // One may have ended meanwhile.
            if state.running < limit {
                state.running += 1
                return true
            }
            if state.waiting[conversation] == nil { state.order.append(conversation) }
            state.waiting[conversation, default: []].append(waiter)
            return nil
        }
        if let outcome { waiter.turn.resume(returning: outcome) }
    }

    private func giveUp(_ number: Int, _ conversation: String) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiting[conversation]?.firstIndex(where: { $0.number == number }) else {
                return nil
            }
            let waiter = state.waiting[conversation]?.remove(at: index)
            if state.waiting[conversation]?.isEmpty == true {
                state.waiting[conversation] = nil
                state.order.removeAll { $0 == conversation }
            }
            return waiter
        }
        waiter?.turn.resume(returning: false)
    }

    /// Gives the place to the conversation whose turn it is.
    private func leave() {
        let next: Waiter? = state.withLock { state in
            guard let conversation = state.order.popFirst(), let waiter = state.waiting[conversation]?.popFirst() else {
                state.running -= 1
                return nil
            }
            if state.waiting[conversation]?.isEmpty == true {
                state.waiting[conversation] = nil
            } else {
                state.order.append(conversation)
            }
            return waiter
        }
        next?.turn.resume(returning: true)
    }
}
