import DequeModule
import NIOCore

/// Who resumes what it has to do in its turn.
protocol TurnTaker: AnyObject {
    func resume()
}

/// Gives connections their turns, one after the other in rounds. Between two rounds the event loop looks at its sockets, so
/// that nobody waits for those who send more than others.
final class TurnScheduler {
    private let eventLoop: any EventLoop
    /// What a round adds to the time in which others are answered, but for the last turn that is begun in it.
    private let length: TimeAmount
    private let pause: TimeAmount
    private var waiting = Deque<any TurnTaker>()

    /// Rounds for those who have read more than their share of a turn of the loop.
    static func forBusy(on eventLoop: any EventLoop) -> TurnScheduler {
        // A task that is due is run before the sockets are looked at, also one that was added by a task: after a pause it
        // is not.
        TurnScheduler(eventLoop, length: .microseconds(250), pause: .microseconds(20))
    }

    /// Rounds for those who send more than they may: one turn a millisecond for all of them, whatever they send.
    static func forOffenders(on eventLoop: any EventLoop) -> TurnScheduler {
        TurnScheduler(eventLoop, length: .zero, pause: .milliseconds(1))
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
        let scheduler = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: pause) { scheduler.value.run() }
    }

    private func run() {
        let end = NIODeadline.now() + length
        var left = waiting.count
        repeat {
            // It stays first until its turn is over, so that adding itself again is no first one.
            waiting.first?.resume()
            waiting.removeFirst()
            left -= 1
        } while left > 0 && NIODeadline.now() < end
        if !waiting.isEmpty { schedule() }
    }
}
