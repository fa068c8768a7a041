package import NIOCore
package import Pipeline
package import WebSocketCodec

/// Who takes what a WebSocket's client says, and answers it. Called on the connection's event loop.
///
/// The connection keeps its sink for as long as it lives; a sink that keeps its connection lets go of it in ``end()``.
package protocol MessageSink: AnyObject {
    /// The connection is open: what is written now is the first that the client sees.
    func begin(on connection: WebSocketHandler)

    func receive(_ text: String)

    /// A message that is not to be worked on.
    func refuse(_ text: String, with error: PipelineError)

    /// A sink that takes no binary messages closes the connection.
    func receive(_ binary: ByteBuffer)

    /// Messages that were received and have not ended; past the limit nothing more is read until something is written or
    /// ``WebSocketHandler/messagesHaveEnded()``.
    var pending: Int { get }

    /// About how many bytes these are; past ``HostLimits/queuedBytes`` nothing more is read either.
    var pendingBytes: Int { get }

    /// While it is true, the client takes too little of what it has been told.
    var isBackpressured: Bool { get set }

    /// The host stops now: whoever waits for an answer is told.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() -> Int

    /// The client hears nothing more. May be called again.
    func end()

    /// The connection is broken, and will be closed.
    func hasFailed(_ error: any Error)

    /// The connection has ended, with what either side closed it with; without where it broke.
    func hasEnded(with code: WebSocketCloseCode?)

    /// The connection is cut without a goodbye.
    func willBeCut(because reason: String)
}

/// A sink whose client may have authenticated.
protocol AdmittedSink: MessageSink {
    /// What the client has authenticated with.
    var credential: ClientCredential? { get }

    /// Authentication has changed. Where it refuses the client now, what the client asked for ends as cancelled.
    ///
    /// - Returns: Whether that is so; the connection is closed once such messages have ended everywhere.
    func cancel(unless review: AccessReview) -> Bool
}
