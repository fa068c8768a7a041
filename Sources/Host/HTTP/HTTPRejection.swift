import NIOHTTP1

/// Why a request is not served: its status and one line for whoever sent it.
package struct HTTPRejection: Error {
    let status: HTTPResponseStatus
    let reason: String
    var headers: HTTPHeaders = [:]

    init(_ status: HTTPResponseStatus, _ reason: String, headers: HTTPHeaders = [:]) {
        self.status = status
        self.reason = reason
        self.headers = headers
    }

    /// 503, to be tried again after a while.
    static func unavailable(_ reason: String, retryAfter seconds: Int = 5) -> HTTPRejection {
        HTTPRejection(.serviceUnavailable, reason, headers: ["retry-after": String(seconds)])
    }
}
