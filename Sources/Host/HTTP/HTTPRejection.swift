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
}
