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

    /// From now on everything is said at once; where something was lost, nothing more is.
    ///
    /// - Parameter open: The messages that have no end among what waits.
    /// - Returns: Where something was lost, the messages that end with it, each once; those without an id as often as they are
    ///   there.
    func open(_ open: [String?]) -> [String?]? {
        state.withLock { state in
            for frame in state.waiting ?? [] { say(frame) }
            room.give(state.bytes)
            (state.waiting, state.bytes) = (nil, 0)
            guard let lost = state.lost else { return nil }
            var ends: [String?] = []
            for id in open + lost where id == nil || !ends.contains(where: { $0.isExactly(id) }) { ends.append(id) }
            return ends
        }
    }
}

/// Stands for a client of another host.
final class HostClient: Sendable {}
