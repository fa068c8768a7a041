import Pipeline
import Synchronization

/// Keeps back what a session's client is told, until the host knows that the session is its own to which it is said.
final class HostOutbox: Sendable {
    private struct State {
        /// `nil` once everything is said at once.
        var waiting: [ServerFrame]? = []
        var bytes = 0
        /// Where there was no room: the ids of the messages whose ends were lost.
        var lost: [String?]?
    }

    private let room: MovingRoom
    private let say: @Sendable (ServerFrame) -> Void
    private let state = Mutex(State())

    init(in room: MovingRoom, _ say: @escaping @Sendable (ServerFrame) -> Void) { (self.room, self.say) = (room, say) }

    /// Says something, after what was said before.
    func add(_ frame: ServerFrame) {
        state.withLock { state in
            if state.lost == nil {
                if state.waiting == nil { return say(frame) }
                let size = frame.size + 256
                if room.take(size) {
                    state.waiting?.append(frame)
                    return state.bytes += size
                }
                state.lost = state.waiting?.filter { !$0.isPiece }.map(\.clientID)
                room.give(state.bytes)
                (state.waiting, state.bytes) = ([], 0)
            }
            if state.waiting != nil, !frame.isPiece { state.lost?.append(frame.clientID) }
        }
    }

    /// From now on everything is said at once. Where something was lost, each message ends with an error instead, and nothing more
    /// is said.
    ///
    /// - Parameter open: The messages that have no end among what waits.
    /// - Returns: Whether nothing was lost.
    func open(_ open: [String?], _ format: Message.Format) -> Bool {
        state.withLock { state in
            var ended: [String?] = []
            for id in (state.lost.map { open + $0 } ?? []) where !ended.contains(where: { $0.isExactly(id) }) {
                say(.error(.stopping, clientID: id, in: format))
                if let id { ended.append(id) }
            }
            for frame in state.waiting ?? [] { say(frame) }
            room.give(state.bytes)
            (state.waiting, state.bytes) = (nil, 0)
            return state.lost == nil
        }
    }
}

/// Stands for a client of another host.
final class HostClient: Sendable {}
