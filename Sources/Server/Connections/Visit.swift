import NIOCore

/// Goes through all that an event loop has, a few in each turn.
final class Visit: TurnTaker {
    /// Each may have a message to cancel and a client to tell.
    private static let share = 16

    private var left: ArraySlice<any OpenConnection>
    private let turns: TurnScheduler
    private let body: (any OpenConnection) -> Void
    private let promise: EventLoopPromise<Void>

    /// Succeeds after the last.
    var end: EventLoopFuture<Void> { promise.futureResult }

    /// - Parameter turns: Those in which it goes on.
    init(
        _ open: [any OpenConnection], on eventLoop: any EventLoop, in turns: TurnScheduler,
        _ body: @escaping (any OpenConnection) -> Void
    ) {
        (left, self.turns, self.body) = (open[...], turns, body)
        promise = eventLoop.makePromise()
    }

    func resume() {
        for connection in left.prefix(Self.share) { body(connection) }
        left = left.dropFirst(Self.share)
        if left.isEmpty { promise.succeed() } else { turns.add(self) }
    }
}
