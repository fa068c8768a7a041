/// Why a call failed. Says nothing of header values, bodies or addresses, so it may be logged.
public struct HTTPClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure it is. More may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: String {
            case invalidRequest, nameNotResolved, connectFailed, tlsFailed, timeout, closedEarly, bodyTooLarge
            case cancelled, shutDown, other
        }

        private let kind: Kind

        /// The address or a header field can't be sent.
        public static let invalidRequest = Code(kind: .invalidRequest)
        /// The host's name has no address.
        public static let nameNotResolved = Code(kind: .nameNotResolved)
        /// The host does not take connections.
        public static let connectFailed = Code(kind: .connectFailed)
        /// TLS failed: a certificate that is not trusted, most often.
        public static let tlsFailed = Code(kind: .tlsFailed)
        /// A deadline has passed.
        public static let timeout = Code(kind: .timeout)
        /// The host closed the connection before the response was whole.
        public static let closedEarly = Code(kind: .closedEarly)
        /// The response is larger than the request takes.
        public static let bodyTooLarge = Code(kind: .bodyTooLarge)
        /// The caller's task was cancelled.
        public static let cancelled = Code(kind: .cancelled)
        /// The client was shut down.
        public static let shutDown = Code(kind: .shutDown)
        /// Anything else; the detail says what.
        public static let other = Code(kind: .other)

        /// The code in words.
        public var description: String { kind.rawValue }
    }

    /// What kind of failure it is.
    public let code: Code

    /// What exactly happened.
    public let detail: String

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// Code and detail.
    public var description: String { "\(code): \(detail)" }
}
