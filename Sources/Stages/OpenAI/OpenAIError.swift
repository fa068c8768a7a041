import HTTPClient
import Pipeline

/// What goes wrong with a model's API, as clients and the log are told.
enum OpenAIError {
    /// The API answered with something that is no answer.
    static func badResponse(_ detail: String) -> PipelineError {
        PipelineError(.modelBadResponse, "The model's answer could not be read", detail: detail)
    }

    static func unavailable(_ detail: String) -> PipelineError {
        PipelineError(.modelUnavailable, "The model is not available", isRetryable: true, detail: detail)
    }

    static func timeout(_ detail: String) -> PipelineError {
        PipelineError(.modelTimeout, "The model did not answer in time", isRetryable: true, detail: detail)
    }

    /// A filter of the API's left nothing of the answer. Another try finds the same filter.
    static var filtered: PipelineError {
        PipelineError(.modelFiltered, "The model's answer was filtered", detail: "the API's filter left no text")
    }

    /// The call itself failed.
    static func failed(_ error: HTTPClientError) -> any Error {
        switch error.code {
        case .timeout: timeout(error.description)
        case .cancelled: CancellationError()
        case .bodyTooLarge, .invalidResponse: badResponse(error.description)
        case .tlsFailed, .invalidRequest, .invalidURL:
            PipelineError(.modelUnavailable, "The model is not available", detail: error.description)
        default: unavailable(error.description)
        }
    }

    /// The API answered with another status than 200. Some APIs repeat the key in their errors, so it is taken out.
    static func refused(
        _ status: Int, _ body: [UInt8], _ headers: HTTPHeaderFields? = nil, hiding reason: ReportedReason
    ) -> PipelineError {
        var error = refused(status, body, hiding: reason)
        if error.isRetryable { error.retryAfter = headers.flatMap(RetryAfter.wait) }
        return error
    }

    private static func refused(_ status: Int, _ body: [UInt8], hiding reason: ReportedReason) -> PipelineError {
        let said = reason.found(in: body)
        return coded(status, "status \(status)" + (said.map { ": \($0)" } ?? ""))
    }

    /// The API says in an answer that there is none: an error with the code that its number would have as a status.
    ///
    /// - Parameters:
    ///   - how: Where the API said it.
    ///   - text: What is shown where no message is found in it; nothing where it may hold an answer.
    static func reported(
        _ error: ReportedError, _ how: String, in text: [UInt8], _ reason: ReportedReason
    ) -> PipelineError {
        let said = error.message.map(reason.shortened) ?? reason.beginning(of: text)
        let detail = how + (error.status.map { " (\($0))" } ?? "") + (said.map { ": \($0)" } ?? "")
        return error.status.map { coded($0, detail) } ?? unavailable(detail)
    }

    private static func coded(_ status: Int, _ detail: String) -> PipelineError {
        switch status {
        case 401, 403:
            return PipelineError(.modelUnauthorized, "The model's API refused the key", detail: detail)
        case 429:
            return PipelineError(
                .modelRateLimited, "Too many requests to the model; try again later", isRetryable: true, detail: detail)
        case 408, 504: return timeout(detail)
        case 500...: return unavailable(detail)
        default: return PipelineError(.modelBadResponse, "The model's API refused the request", detail: detail)
        }
    }
}
