import HTTPClient
package import Pipeline

/// What goes wrong with a model's API, as clients and the log are told.
package enum ModelError {
    private static let errors = ServiceErrors(
        unavailable: (.modelUnavailable, "The model is not available"),
        timeout: (.modelTimeout, "The model did not answer in time"),
        badResponse: (.modelBadResponse, "The model's answer could not be read"),
        rateLimited: (.modelRateLimited, "Too many requests to the model; try again later"),
        refused: (.modelBadResponse, "The model's API refused the request"))

    /// The API answered with something that is no answer.
    package static func badResponse(_ detail: String) -> PipelineError { errors.badResponse(detail) }

    static func unavailable(_ detail: String) -> PipelineError { errors.unavailable(detail) }

    package static func timeout(_ detail: String) -> PipelineError { errors.timeout(detail) }

    /// A filter of the API's left nothing of the answer. Another try finds the same filter.
    static var filtered: PipelineError {
        PipelineError(.modelFiltered, "The model's answer was filtered", detail: "the API's filter left no text")
    }

    /// The call itself failed.
    static func failed(_ error: HTTPClientError) -> any Error { errors.failed(error) }

    /// The API answered with another status than 200. Some APIs repeat the key in their errors, so it is taken out.
    static func refused(
        _ status: Int, _ body: [UInt8], _ headers: HTTPHeaderFields? = nil, hiding reason: ReportedReason
    ) -> PipelineError {
        let said = reason.found(in: body)
        return coded(status, headers, "status \(status)" + (said.map { ": \($0)" } ?? ""))
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
        return error.status.map { coded($0, nil, detail) } ?? unavailable(detail)
    }

    private static func coded(_ status: Int, _ headers: HTTPHeaderFields?, _ detail: String) -> PipelineError {
        guard status != 401, status != 403 else {
            return PipelineError(.modelUnauthorized, "The model's API refused the key", detail: detail)
        }
        return errors.answered(status, headers, detail: detail)
    }
}
