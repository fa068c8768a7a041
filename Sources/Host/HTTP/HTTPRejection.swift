import NIOHTTP1

/// Why a request is not served: its status and one line for whoever sent it.
struct HTTPRejection: Error {
    let status: HTTPResponseStatus
    let reason: String
    var headers: HTTPHeaders = [:]
    /// What it is in metrics.
    var kind: RefusalReason

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
}
