import NIOCore

/// What an event loop has for a client, and a reload concerns.
protocol OpenConnection: AnyObject {
    /// What a client may take is something else from now on.
    func limitsChanged()

    /// What the client has shown; `nil` where it has nothing that goes on, or has shown nothing.
    var credential: ClientCredential? { get }

    /// Who may come in has changed. Where the client may not be here any more, what it asked for ends as cancelled.
    func cancel(unless review: AccessReview)

    /// Closes the connection of such a client, once everything is cancelled.
    func closeIfCancelled()
}

extension OpenConnection {
    func limitsChanged() {}
    var credential: ClientCredential? { nil }
    func cancel(unless review: AccessReview) {}
    func closeIfCancelled() {}
}

extension PipelineError {
    /// What ends the messages of a client that may not be here any more.
    static let noLongerAdmitted = PipelineError(
        .cancelled, "The message was cancelled", detail: "a reload has withdrawn what authorized the client")
}

/// Goes through all that an event loop has, a few in each turn.
final class Visit: TurnTaker {
    /// Each may have a message to cancel and a client to tell.
    private static let share = 16

    private var left: ArraySlice<any OpenConnection>
    private let turns: Rounds
    private let body: (any OpenConnection) -> Void
    private let promise: EventLoopPromise<Void>

    /// Succeeds after the last.
    var end: EventLoopFuture<Void> { promise.futureResult }

    /// - Parameter turns: Those in which it goes on.
    init(
        _ open: [any OpenConnection], on eventLoop: any EventLoop, in turns: Rounds,
        _ body: @escaping (any OpenConnection) -> Void
    ) {
        (left, self.turns, self.body) = (open[...], turns, body)
        promise = eventLoop.makePromise()
    }

    func goOn() {
        for connection in left.prefix(Self.share) { body(connection) }
        left = left.dropFirst(Self.share)
        if left.isEmpty { promise.succeed() } else { turns.add(self) }
    }
}
