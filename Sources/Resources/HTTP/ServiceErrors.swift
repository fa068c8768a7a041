package import HTTPClient
package import Pipeline

/// What goes wrong with a service that is called over HTTP, as clients and the log are told. Which errors may pass is the same
/// with all of them: a model's API, and those that `http` calls.
package struct ServiceErrors: Sendable {
    /// A code, and what clients are told.
    package typealias Kind = (code: PipelineError.Code, message: String)

    private let kinds: (unavailable: Kind, timeout: Kind, badResponse: Kind, rateLimited: Kind, refused: Kind)

    /// - Parameters:
    ///   - unavailable: It can't be reached, or fails.
    ///   - timeout: It did not answer in time.
    ///   - badResponse: Its answer is none.
    ///   - rateLimited: It asks to slow down.
    ///   - refused: It refuses the call.
    package init(unavailable: Kind, timeout: Kind, badResponse: Kind, rateLimited: Kind, refused: Kind) {
        kinds = (unavailable, timeout, badResponse, rateLimited, refused)
    }

    package func unavailable(_ detail: String) -> PipelineError {
        PipelineError(kinds.unavailable.code, kinds.unavailable.message, isRetryable: true, detail: detail)
    }

    package func timeout(_ detail: String) -> PipelineError {
        PipelineError(kinds.timeout.code, kinds.timeout.message, isRetryable: true, detail: detail)
    }

    package func badResponse(_ detail: String) -> PipelineError {
        PipelineError(kinds.badResponse.code, kinds.badResponse.message, detail: detail)
    }

    /// The call itself failed.
    package func failed(_ error: HTTPClientError) -> any Error {
        switch error.code {
        case .timeout: timeout(error.description)
        case .cancelled: CancellationError()
        case .bodyTooLarge, .invalidResponse: badResponse(error.description)
        case .tlsFailed, .invalidRequest, .invalidURL:
            PipelineError(kinds.unavailable.code, kinds.unavailable.message, detail: error.description)
        default: unavailable(error.description)
        }
    }

    /// The service answered with a status that is no success.
    ///
    /// - Parameter headers: Those of the answer, where it may say how long to wait.
    package func answered(
        _ status: Int, _ headers: HTTPHeaderFields? = nil, detail: String
    ) -> PipelineError {
        var error =
            switch status {
            case 429:
                PipelineError(kinds.rateLimited.code, kinds.rateLimited.message, isRetryable: true, detail: detail)
            case 408, 504: timeout(detail)
            case 500...: unavailable(detail)
            default: PipelineError(kinds.refused.code, kinds.refused.message, detail: detail)
            }
        if error.isRetryable { error.retryAfter = headers.flatMap(RetryAfter.wait) }
        return error
    }
}
