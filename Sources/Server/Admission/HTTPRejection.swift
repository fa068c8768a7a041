import NIOHTTP1

/// Why a request is not served: its status and one line for whoever sent it.
package struct HTTPRejection: Error {
    let status: HTTPResponseStatus
    let reason: String
    var headers: HTTPHeaders = [:]
    /// What it is in metrics.
    var kind: RefusalReason
    /// Whether operators are to see it, who may want to let such requests in.
    var isWarning = false

    init(_ status: HTTPResponseStatus, _ reason: String, headers: HTTPHeaders = [:], kind: RefusalReason? = nil) {
        self.status = status
        self.reason = reason
        self.headers = headers
        self.kind = kind ?? HTTPRejection.kind(of: status)
    }

    private static func kind(of status: HTTPResponseStatus) -> RefusalReason {
        switch status {
        case .badRequest, .upgradeRequired, .methodNotAllowed: .badRequest
        case .unauthorized: .unauthorized
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .payloadTooLarge: .tooBig
        case .tooManyRequests: .tooMany
        default: .other
        }
    }

    /// 503, to be tried again after a while.
    static func unavailable(_ reason: String, retryAfter seconds: Int = 5) -> HTTPRejection {
        HTTPRejection(.serviceUnavailable, reason, headers: ["retry-after": String(seconds)])
    }

    /// 503 for one connection too many.
    static func tooMany(_ reason: String) -> HTTPRejection {
        var rejection = unavailable(reason)
        rejection.kind = .tooMany
        return rejection
    }

    /// A session belongs to the user who had it first.
    static let foreignSession = HTTPRejection(.forbidden, "the session is another user's")

    static let tooManyOfAddress = tooMany("there are too many connections from this address")
}
