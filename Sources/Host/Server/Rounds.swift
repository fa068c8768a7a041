import DequeModule
import NIOCore

/// Connections that have read more than their share of a turn, each of which goes on in its turn. Between two rounds the
/// event loop looks at its sockets, so that nobody waits for those who send more than others.
final class Rounds {
    /// What a round adds to the time in which others are answered, but for the last share that is begun in it.
    private static let length = TimeAmount.microseconds(250)
    /// A task that is due is run before the sockets are looked at, also one that was added by a task: this one is not.
    private static let pause = TimeAmount.microseconds(20)

    private let eventLoop: any EventLoop
    private var waiting = Deque<WebSocketHandler>()

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func add(_ handler: WebSocketHandler) {
        waiting.append(handler)
        if waiting.count == 1 { schedule() }
    }

    private func schedule() {
        let rounds = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: Rounds.pause) { rounds.value.run() }
    }

    private func run() {
        let end = NIODeadline.now() + Rounds.length
        var left = waiting.count
        while left > 0, NIODeadline.now() < end, let handler = waiting.first {
            // It stays first until it has gone on, so that adding itself again is no first one.
            let mayGoOn = handler.goOn()
            waiting.removeFirst()
            left = mayGoOn ? left - 1 : 0
        }
        if !waiting.isEmpty { schedule() }
    }
}
