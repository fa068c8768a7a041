import NIOCore
import Synchronization

/// The conversations of connected clients by their sessions, on all event loops: so that a client that has come back can
/// cancel what it asked for on its former connection before the host has noticed that that one is gone.
final class ConnectedConversations: Sendable {
    private typealias Client = (id: ObjectIdentifier, sink: NIOLoopBound<ConversationSink>)

    /// Of a session with more connections those that came last are known: each `cancel` goes to all of them.
    private static let mostOfSession = 8

    private let clients = Mutex<[SessionKey: [Client]]>([:])

    func add(_ sink: NIOLoopBound<ConversationSink>, of key: SessionKey) {
        let id = ObjectIdentifier(sink.value)
        clients.withLock { clients in
            if let count = clients[key]?.count, count == Self.mostOfSession { clients[key]?.removeFirst() }
            clients[key, default: []].append((id, sink))
        }
    }

    func remove(_ sink: ConversationSink, of key: SessionKey) {
        clients.withLock { clients in
            clients[key]?.removeAll { $0.id == ObjectIdentifier(sink) }
            if clients[key]?.isEmpty == true { clients[key] = nil }
        }
    }

    /// Cancels a message of a session, by the client's `id`, whichever conversation it is in.
    func cancel(_ clientID: String, of key: SessionKey, userID: String?) {
        for (_, sink) in clients.withLock({ $0[key] ?? [] }) {
            sink.eventLoop.execute { sink.value.cancel(clientID, of: userID) }
        }
    }
}
