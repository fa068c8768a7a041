import DequeModule
import NIOCore
import Pipeline
import Synchronization

/// A conversation that goes on without its client. Used on its event loop alone.
protocol UnattendedConversation: AnyObject {
    /// Ends a message, by the client's `id`.
    func cancel(_ clientID: String)

    /// Ends the conversation, whatever is in flight.
    func giveUp()
}

/// Conversations that go on without their clients, on all event loops: so that a client that has come back can cancel what
/// it asked for before, and so that there are not too many.
final class UnattendedConversations: KeptKind {
    static let kind = KeptBudget.Kind.messages

    private struct Unattended {
        let conversation: NIOLoopBound<any UnattendedConversation>
        let key: SessionKey
        let userID: String?
        let size: Int
    }

    private struct State {
        var conversations: [ObjectIdentifier: Unattended] = [:]
        var sessions: [SessionKey: [ObjectIdentifier]] = [:]
        var order = Deque<(id: ObjectIdentifier, stamp: Int)>()
    }

    /// What one takes besides its messages: itself, a stage that waits, and a model's call.
    private static let size = 16 << 10

    /// Of a session with more, `cancel` looks into those that were left last: each costs its event loop a turn.
    private static let maxCancelled = 64

    private let budget: KeptBudget
    private let state = Mutex(State())

    init(_ budget: KeptBudget) {
        self.budget = budget
    }

    /// - Parameter bytes: What its messages take.
    func add(_ conversation: NIOLoopBound<any UnattendedConversation>, of key: SessionKey, userID: String?, bytes: Int)
    {
        let id = ObjectIdentifier(conversation.value)
        let unattended = Unattended(conversation: conversation, key: key, userID: userID, size: Self.size + bytes)
        state.withLock { state in
            state.conversations[id] = unattended
            state.sessions[key, default: []].append(id)
            state.order.append((id, budget.stamp()))
            if state.order.count > 2 * state.conversations.count + 64 {
                state.order = state.order.filter { state.conversations[$0.id] != nil }
            }
        }
        budget.add(unattended.size, of: Self.kind)
    }

    /// Notes that one has ended.
    func remove(_ conversation: any UnattendedConversation) {
        let freed = state.withLock { remove(ObjectIdentifier(conversation), &$0)?.size ?? 0 }
        budget.add(-freed, of: Self.kind)
    }

    /// Cancels a message of a session, by the client's `id`, whichever conversation it is in.
    func cancel(_ clientID: String, of key: SessionKey, userID: String?) {
        let conversations = state.withLock { state in
            (state.sessions[key] ?? []).suffix(Self.maxCancelled).compactMap { state.conversations[$0] }
                .filter { $0.userID.isExactly(userID) }.map(\.conversation)
        }
        for conversation in conversations { conversation.eventLoop.execute { conversation.value.cancel(clientID) } }
    }

    var oldest: Int? {
        state.withLock { state in
            while let first = state.order.first, state.conversations[first.id] == nil { state.order.removeFirst() }
            return state.order.first?.stamp
        }
    }

    func dropOldest() {
        let dropped = state.withLock { state in state.order.popFirst().flatMap { remove($0.id, &state) } }
        guard let dropped else { return }
        budget.add(-dropped.size, of: Self.kind)
        let conversation = dropped.conversation
        conversation.eventLoop.execute { conversation.value.giveUp() }
    }

    private func remove(_ id: ObjectIdentifier, _ state: inout State) -> Unattended? {
        guard let removed = state.conversations.removeValue(forKey: id) else { return nil }
        state.sessions[removed.key]?.removeAll { $0 == id }
        if state.sessions[removed.key]?.isEmpty == true { state.sessions[removed.key] = nil }
        return removed
    }
}
