/// Why a call failed. Says nothing of header values, bodies or addresses, so it may be logged.
package struct HTTPClientError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure it is. More may come.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: String {
            case invalidURL, invalidRequest, nameNotResolved, connectFailed, tlsFailed, timeout, closedEarly
            case invalidResponse, bodyTooLarge, cancelled, shutDown, other
        }

        private let kind: Kind

        /// The address is none that can be called.
        package static let invalidURL = Code(kind: .invalidURL)
        /// The method, a header field or the body can't be sent.
        package static let invalidRequest = Code(kind: .invalidRequest)
        /// The host's name has no address.
        package static let nameNotResolved = Code(kind: .nameNotResolved)
        /// The host does not take connections.
        package static let connectFailed = Code(kind: .connectFailed)
        /// TLS failed: a certificate that is not trusted, most often. Trying again does not help.
        package static let tlsFailed = Code(kind: .tlsFailed)
        /// A deadline has passed; ``HTTPClientError/deadline`` says which.
        package static let timeout = Code(kind: .timeout)
        /// The host closed the connection before the response was whole.
        package static let closedEarly = Code(kind: .closedEarly)
        /// What came is not HTTP, its head is larger than 64 KiB, or it can't be decompressed.
        package static let invalidResponse = Code(kind: .invalidResponse)
        /// The response's body is larger than the request takes.
        package static let bodyTooLarge = Code(kind: .bodyTooLarge)
        /// The caller's task was cancelled.
        package static let cancelled = Code(kind: .cancelled)
        /// The client was shut down.
        package static let shutDown = Code(kind: .shutDown)
        /// Anything else; the detail says what.
        package static let other = Code(kind: .other)

        /// The code's name.
        package var description: String { kind.rawValue }
    }

    /// The deadlines of a call, as ``HTTPDeadlines`` names them.
    package enum Deadline: String, Sendable, Hashable {
        /// The host could not be reached in time.
        case connect
        /// The response did not begin in time.
        case firstByte
        /// The response stopped coming.
        case idle
        /// The response was not whole in time.
        case total
    }

    /// What kind of failure it is.
    package let code: Code

    /// The deadline that has passed; `nil` unless the code is `timeout`.
    package let deadline: Deadline?

    /// What exactly happened.
    package let detail: String

    init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
        deadline = nil
    }

    private init(_ deadline: Deadline, _ detail: String) {
        code = .timeout
        self.detail = detail
        self.deadline = deadline
    }

    static let cancelled = HTTPClientError(.cancelled, "the call was cancelled")
    static let shutDown = HTTPClientError(.shutDown, "the client was shut down")

    static func bodyTooLarge(_ limit: Int) -> HTTPClientError {
        HTTPClientError(.bodyTooLarge, "the response has more than \(limit) bytes")
    }

    static func timeout(_ deadline: Deadline, of deadlines: HTTPDeadlines) -> HTTPClientError {
        switch deadline {
        case .connect: HTTPClientError(deadline, "no connection within \(deadlines.connect)")
        case .firstByte: HTTPClientError(deadline, "no response began within \(deadlines.firstByte ?? deadlines.total)")
        case .idle: HTTPClientError(deadline, "the response stopped for \(deadlines.idle)")
        case .total: HTTPClientError(deadline, "the response was not whole within \(deadlines.total)")
        }
    }

    /// Code and detail.
    package var description: String { "\(code): \(detail)" }
}
