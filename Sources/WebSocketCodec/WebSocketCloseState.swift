/// The closing handshake (RFC 6455 section 7): each side says Close once, then the server ends the connection.
package struct WebSocketCloseState {
    /// When the connection ends after our Close.
    package enum Ending: Equatable {
        /// Once the peer has answered it.
        case afterAnswer
        /// At once: the peer has said Close before us.
        case now
        /// Once the peer has closed its side; nothing it says counts any more.
        case afterPeer
    }

    package enum Action: Equatable {
        case nothing
        case sendClose(WebSocketCloseCode?, String, Ending)
        case end
    }

    package private(set) var hasSentClose = false
    private var hasReceivedClose = false

    package init() {}

    /// Whether either side has said Close.
    package var isClosing: Bool { hasSentClose || hasReceivedClose }

    /// The peer said Close: its code is said back.
    package mutating func received(_ code: WebSocketCloseCode?) -> Action {
        hasReceivedClose = true
        if hasSentClose { return .end }
        hasSentClose = true
        return .sendClose(code, "", .now)
    }

    /// We close, once. After a breach of the protocol no answer can be trusted to come, so that a breach while an
    /// answer is awaited ends the wait.
    package mutating func start(_ code: WebSocketCloseCode, _ reason: String, afterBreach: Bool = false) -> Action {
        if hasSentClose { return afterBreach ? .end : .nothing }
        hasSentClose = true
        return .sendClose(code, reason, afterBreach ? .afterPeer : .afterAnswer)
    }
}
