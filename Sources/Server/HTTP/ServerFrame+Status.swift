import NIOHTTP1
import Pipeline

extension ServerFrame {
    /// The status that an answer has over HTTP.
    var status: HTTPResponseStatus {
        guard case .error(let code) = kind else { return .ok }
        return switch code {
        case .invalidJSON, .invalidMessage, .tooLong: .badRequest
        case .busy, .rateLimited, .budgetSpent: .tooManyRequests
        case .modelTimeout, .httpTimeout, .timeout: .gatewayTimeout
        case .modelKeyMissing, .modelUnauthorized, .modelRateLimited, .modelUnavailable, .modelBadResponse,
            .modelFiltered, .httpUnavailable, .httpRateLimited, .httpRefused, .httpBadResponse:
            .badGateway
        case .databaseUnavailable, .stopping, .cancelled: .serviceUnavailable
        default: .internalServerError
        }
    }
}
