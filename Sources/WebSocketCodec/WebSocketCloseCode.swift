/// Why a WebSocket is closed (RFC 6455 section 7.4 and the registry it founded).
package struct WebSocketCloseCode: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let normal = WebSocketCloseCode(rawValue: 1000)
    /// The host is stopping.
    package static let goingAway = WebSocketCloseCode(rawValue: 1001)
    package static let protocolError = WebSocketCloseCode(rawValue: 1002)
    /// Binary where text is spoken.
    package static let unsupportedData = WebSocketCloseCode(rawValue: 1003)
    /// A close without a code; never sent.
    package static let noStatus = WebSocketCloseCode(rawValue: 1005)
    /// Text that is not UTF-8.
    package static let invalidData = WebSocketCloseCode(rawValue: 1007)
    package static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    package static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    /// Our fault.
    package static let internalError = WebSocketCloseCode(rawValue: 1011)
    package static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)

    /// Whether a peer may send it: 1004 to 1006 and 1015 are reserved, and 1016 to 2999 are not given out yet.
    var mayBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// A breach of the protocol or of a limit, and the code that the connection is closed with.
package struct WebSocketViolation: Error, Hashable {
    package let code: WebSocketCloseCode
    package let reason: String

    static func protocolError(_ reason: String) -> WebSocketViolation {
        WebSocketViolation(code: .protocolError, reason: reason)
    }

    static let invalidUTF8 = WebSocketViolation(code: .invalidData, reason: "text that is not UTF-8")
    static let tooBig = WebSocketViolation(code: .messageTooBig, reason: "the message is too big")
    static let tooManyFragments = WebSocketViolation(code: .policyViolation, reason: "too many fragments")
}
