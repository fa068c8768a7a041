import HTTPClient
public import Pipeline

/// What goes wrong with a call, as clients and the log are told. Which errors may pass is the same as with models.
enum HTTPFailure {
    static func unavailable(_ detail: String) -> PipelineError {
        PipelineError(.httpUnavailable, "A service is not available", isRetryable: true, detail: detail)
    }

    static func timeout(_ detail: String) -> PipelineError {
        PipelineError(.httpTimeout, "A service did not answer in time", isRetryable: true, detail: detail)
    }

    static func badResponse(_ detail: String) -> PipelineError {
        PipelineError(.httpBadResponse, "A service's answer could not be read", detail: detail)
    }

    /// The call itself failed.
    static func failed(_ error: HTTPClientError) -> any Error {
        switch error.code {
        case .timeout: timeout(error.description)
        case .cancelled: CancellationError()
        case .bodyTooLarge, .invalidResponse: badResponse(error.description)
        case .tlsFailed, .invalidRequest, .invalidURL:
            PipelineError(.httpUnavailable, "A service is not available", detail: error.description)
        default: unavailable(error.description)
        }
    }

    /// The API answered with a status that is no success. What else it says may repeat a key that it was sent.
    static func refused(_ answer: HTTPResponse) -> PipelineError {
        let detail = "status \(answer.status)"
        var error: PipelineError
        switch answer.status {
        case 429:
            error = PipelineError(
                .httpRateLimited, "Too many requests to a service; try again later", isRetryable: true, detail: detail)
        case 408, 504: error = timeout(detail)
        case 500...: error = unavailable(detail)
        default: return PipelineError(.httpRefused, "A service refused the call", detail: detail)
        }
        error.retryAfter = RetryAfter.wait(in: answer.headers)
        return error
    }
}

extension PipelineError.Code {
    /// A service that `http` calls did not answer in time.
    public static let httpTimeout = PipelineError.Code("http_timeout")
    /// It can't be reached or fails.
    public static let httpUnavailable = PipelineError.Code("http_unavailable")
    /// It asks to slow down.
    public static let httpRateLimited = PipelineError.Code("http_rate_limited")
    /// It refuses the call.
    public static let httpRefused = PipelineError.Code("http_refused")
    /// Its answer does not have what it should.
    public static let httpBadResponse = PipelineError.Code("http_bad_response")
}
