import DequeModule
import NIOCore
import NIOHTTP1
import Pipeline
import Synchronization

/// A session that outlives its connection for a while: the frames it was sent, for a client that comes back, whichever
/// event loop that is on.
final class HeldSession: Sendable {
    private struct State {
        var sequence = 0
        /// The last frames with their numbers.
        var frames = Deque<(sequence: Int, text: String)>()
        var bytes = 0
        var client: NIOLoopBound<ConversationSink>?
        /// Counts clients, so that one which has left long ago ends nothing.
        var generation = 0
        var answers = KnownAnswers()
    }

    let userID: String?
    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: How many bytes of frames are kept.
    init(userID: String?, limit: Int) {
        self.userID = userID
        self.limit = limit
    }

    /// Puts a client in the place of the one before, which is closed.
    ///
    /// - Returns: What it missed after the frame that it saw last, and its generation.
    func attach(
        _ client: NIOLoopBound<ConversationSink>, after seen: Int
    ) -> (missed: [String], generation: Int) {
        let (former, missed, generation) = state.withLock { state in
            let former = state.client
            state.client = client
            state.generation += 1
            let missed = state.frames.filter { $0.sequence > seen }.map(\.text)
            return (former, missed, state.generation)
        }
        if let former { former.eventLoop.execute { former.value.giveWay() } }
        return (missed, generation)
    }

    /// Notes that a client has left; `false` where another has its place already.
    func detach(_ generation: Int) -> Bool {
        state.withLock { state in
            guard state.generation == generation else { return false }
            state.client = nil
            return true
        }
    }

    /// Whether nobody has come back since that client left.
    func isAbandoned(since generation: Int) -> Bool {
        state.withLock { $0.client == nil && $0.generation == generation }
    }

    /// Numbers a frame and keeps it.
    func record(_ frame: ServerFrame) -> String {
        state.withLock { record(frame, &$0) }
    }

    /// Numbers a frame of a message whose client had left, keeps it, and sends it to the client there is now.
    func deliver(_ frame: ServerFrame) {
        state.withLock { state in
            let text = record(frame, &state)
            // In the lock, so that frames arrive in the order of their numbers.
            guard let client = state.client else { return }
            client.eventLoop.execute { client.value.write(text: text) }
        }
    }

    private func record(_ frame: ServerFrame, _ state: inout State) -> String {
        state.sequence += 1
        let text = frame.text(sequence: state.sequence)
        state.frames.append((state.sequence, text))
        state.bytes += text.utf8.count
        while state.bytes > limit, let oldest = state.frames.popFirst() { state.bytes -= oldest.text.utf8.count }
        return text
    }

    /// Notes a message that came.
    func begin(_ message: Message) -> KnownAnswers.Finding { state.withLock { $0.answers.begin(message) } }

    /// Notes what a message was told.
    func end(_ message: UniqueID, with frame: ServerFrame?) { state.withLock { $0.answers.end(message, with: frame) } }
}

/// A connection's place in a session that is kept.
struct HeldPlace {
    let session: HeldSession
    /// Whether the session was there before the connection.
    let isKnown: Bool
    let sessions: HeldSessions
    var generation = 0
}

/// The sessions that are kept, by path and id.
final class HeldSessions: Sendable {
    private struct Key: Hashable {
        let path: String
        let id: String
    }

    private let sessions = Mutex<[Key: HeldSession]>([:])

    /// The session, kept from now on where it is new.
    ///
    /// - Throws: 403 where it is another user's.
    func session(for admission: Admission, limit: Int) throws(HTTPRejection) -> (session: HeldSession, isKnown: Bool) {
        let key = Key(path: admission.pipeline.path, id: admission.session.id)
        let userID = admission.session.userID
        let (session, isKnown) = sessions.withLock { sessions in
            if let known = sessions[key] { return (known, true) }
            let new = HeldSession(userID: userID, limit: limit)
            sessions[key] = new
            return (new, false)
        }
        guard session.userID == userID else { throw HTTPRejection(.forbidden, "the session is another user's") }
        return (session, isKnown)
    }

    /// Forgets a session that nobody came back to.
    func forget(_ session: HeldSession, of admission: Admission, since generation: Int) {
        let key = Key(path: admission.pipeline.path, id: admission.session.id)
        sessions.withLock { sessions in
            guard sessions[key] === session, session.isAbandoned(since: generation) else { return }
            sessions[key] = nil
        }
    }
}
