import DequeModule
import NIOCore

/// Who goes on with what it has in its turn.
protocol TurnTaker: AnyObject {
    func goOn()
}

/// Connections of which each goes on in its turn. Between two rounds the event loop looks at its sockets, so that nobody
/// waits for those who send more than others.
final class Rounds {
    private let eventLoop: any EventLoop
    /// What a round adds to the time in which others are answered, but for the last turn that is begun in it.
    private let length: TimeAmount
    private let pause: TimeAmount
    private var waiting = Deque<any TurnTaker>()

    /// Rounds for those who have read more than their share of a turn of the loop.
    static func forBusy(on eventLoop: any EventLoop) -> Rounds {
        // A task that is due is run before the sockets are looked at, also one that was added by a task: after a pause it
        // is not.
        Rounds(eventLoop, length: .microseconds(250), pause: .microseconds(20))
    }

    /// Rounds for those who send more than they may: one turn a millisecond for all of them, whatever they send.
    static func forOffenders(on eventLoop: any EventLoop) -> Rounds {
        Rounds(eventLoop, length: .zero, pause: .milliseconds(1))
    }

    private init(_ eventLoop: any EventLoop, length: TimeAmount, pause: TimeAmount) {
        self.eventLoop = eventLoop
        self.length = length
        self.pause = pause
    }

    func add(_ connection: some TurnTaker) {
        waiting.append(connection)
        if waiting.count == 1 { schedule() }
    }

    private func schedule() {
        let rounds = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: pause) { rounds.value.run() }
    }

    private func run() {
        let end = NIODeadline.now() + length
        var left = waiting.count
        repeat {
            // It stays first until it has gone on, so that adding itself again is no first one.
            waiting.first?.goOn()
            waiting.removeFirst()
            left -= 1
        } while left > 0 && NIODeadline.now() < end
        if !waiting.isEmpty { schedule() }
    }
}
