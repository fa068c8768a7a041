import DequeModule
import NIOCore

/// Begins messages a few at a time, and looks at the sockets in between: what was begun ends before more is begun, as far as
/// it has nothing to wait for. What a message needs is then still in the processor's cache, which it is not where a thousand
/// are begun before the first goes on.
final class MessageTurns {
    /// So many messages are begun in a turn. With 64, as many calls as there are clients were open at once.
    static let share = 16

    private let eventLoop: any EventLoop
    private var begun = 0
    private var waiting = Deque<any TurnTaker>()
    /// Rings for the next turn. A task of the event loop's would not do: the loop does all that is due before it looks at its
    /// sockets. Where there is none, all messages are begun at once.
    private var bell: LoopBell?

    init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    deinit { bell?.takeDown() }

    /// Has turns from now on, where the event loop lets it. On the loop's thread.
    func open() {
        bell = LoopBell.hang(on: eventLoop) { [weak self] in self?.begin() }
    }

    /// Whether whoever would begin a message has to wait for another turn.
    var isOver: Bool { begun >= Self.share && bell != nil }

    /// A message was begun that is not over: it waits in a stage, or for its turn among its client's.
    func noteBegun() {
        begun += 1
        guard begun == 1 else { return }
        let turns = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { turns.value.endUnlessAwaited() }
    }

    /// Lets a connection go on in a later turn.
    func add(_ connection: some TurnTaker) {
        waiting.append(connection)
        if waiting.count == 1 { bell?.ring() }
    }

    private func endUnlessAwaited() {
        if waiting.isEmpty { begun = 0 }
    }

    private func begin() {
        begun = 0
        // Those who come to wait again have their turn after the others.
        var left = waiting.count
        while left > 0, begun < Self.share, let next = waiting.popFirst() {
            left -= 1
            next.resume()
        }
        if !waiting.isEmpty { bell?.ring() }
    }
}
