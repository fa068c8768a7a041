/// The closing handshake (RFC 6455 section 7): each side says Close once, then the server ends the connection.
struct WebSocketCloseState {
    /// When the connection ends after our Close.
    enum Ending: Equatable {
        /// Once the peer has answered it.
        case afterAnswer
        /// At once: the peer has said Close before us.
        case now
        /// Once the peer has closed its side; nothing it says counts any more.
        case afterPeer
    }

    enum Action: Equatable {
        case nothing
        case sendClose(WebSocketCloseCode?, String, Ending)
        case end
    }

    private(set) var hasSentClose = false
    private var hasReceivedClose = false

    /// Whether either side has said Close.
    var isClosing: Bool { hasSentClose || hasReceivedClose }

    /// The peer said Close: its code is said back.
    mutating func received(_ code: WebSocketCloseCode?) -> Action {
        hasReceivedClose = true
        if hasSentClose { return .end }
        hasSentClose = true
        return .sendClose(code, "", .now)
    }

    /// We close, once. After a breach of the protocol no answer can be trusted to come, so that a breach while an
    /// answer is awaited ends the wait.
    mutating func start(_ code: WebSocketCloseCode, _ reason: String, afterBreach: Bool = false) -> Action {
        if hasSentClose { return afterBreach ? .end : .nothing }
        hasSentClose = true
        return .sendClose(code, reason, afterBreach ? .afterPeer : .afterAnswer)
    }
}
