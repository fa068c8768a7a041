import NIOCore
import Synchronization

/// What another connection of the same session can cancel messages of. Used on its event loop alone.
protocol ConnectedConversation: AnyObject {
    /// Cancels a message, by the client's `id`, where it is of that user.
    func cancel(_ clientID: String, of userID: String?)
}

/// The conversations of connected clients by their sessions, on all event loops: so that a client that has come back can
/// cancel what it asked for on its former connection before the host has noticed that that one is gone.
final class ConnectedConversations: Sendable {
    private typealias Client = (id: ObjectIdentifier, conversation: NIOLoopBound<any ConnectedConversation>)

    /// Of a session with more connections those that came last are known: each `cancel` goes to all of them.
    private static let maxOfSession = 8

    private let clients = Mutex<[SessionKey: [Client]]>([:])

    func add(_ conversation: NIOLoopBound<any ConnectedConversation>, of key: SessionKey) {
        let id = ObjectIdentifier(conversation.value)
        clients.withLock { clients in
            if let count = clients[key]?.count, count == Self.maxOfSession { clients[key]?.removeFirst() }
            clients[key, default: []].append((id, conversation))
        }
    }

    func remove(_ conversation: any ConnectedConversation, of key: SessionKey) {
        clients.withLock { clients in
            clients[key]?.removeAll { $0.id == ObjectIdentifier(conversation) }
            if clients[key]?.isEmpty == true { clients[key] = nil }
        }
    }

    /// Cancels a message of a session, by the client's `id`, whichever conversation it is in.
    func cancel(_ clientID: String, of key: SessionKey, userID: String?) {
        for (_, conversation) in clients.withLock({ $0[key] ?? [] }) {
            conversation.eventLoop.execute { conversation.value.cancel(clientID, of: userID) }
        }
    }
}
