import NIOCore
import Pipeline

/// What an event loop has for a client, and a reload concerns.
protocol OpenConnection: AnyObject {
    /// What a client may take is something else from now on.
    func limitsChanged()

    /// What the client has shown; `nil` where it has nothing that goes on, or has shown nothing.
    var credential: ClientCredential? { get }

    /// Authentication has changed. Where it refuses the client now, what the client asked for ends as cancelled.
    func cancel(unless review: AccessReview)

    /// Closes the connection of such a client, once everything is cancelled.
    func closeIfCancelled()

    /// The host stops: nothing more is taken, what was received ends, and the client is told.
    func drain()
}

extension OpenConnection {
    func limitsChanged() {}
    var credential: ClientCredential? { nil }
    func cancel(unless review: AccessReview) {}
    func closeIfCancelled() {}
    func drain() {}
}

/// What goes on for a client and ends with the host: a message that came by HTTP, or a conversation without its client.
protocol UnfinishedWork: OpenConnection {
    /// Ends it now, whatever is in flight.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() -> Int
}

/// Who gathers what it has for its client.
protocol GatheringConnection: AnyObject {
    /// Sends the frames that are gathered.
    func flush()
}

/// A WebSocket, as its event loop knows it.
protocol WebSocketConnection: UnfinishedWork, GatheringConnection {
    /// Bytes of the client's that have arrived and are not worked on yet.
    var inboundBytes: Int { get }

    /// Called about once a second.
    func tick(at now: NIODeadline)
}

extension PipelineError {
    /// What ends the messages of a client that may not be here any more.
    static let noLongerAdmitted = PipelineError(
        .cancelled, "The message was cancelled", detail: "a reload has withdrawn what authorized the client")
}
