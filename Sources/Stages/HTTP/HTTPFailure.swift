import HTTPClient
import Pipeline
import Resources

/// What goes wrong with a call, as clients and the log are told.
enum HTTPFailure {
    private static let errors = ServiceErrors(
        unavailable: (.httpUnavailable, "A service is not available"),
        timeout: (.httpTimeout, "A service did not answer in time"),
        badResponse: (.httpBadResponse, "A service's answer could not be read"),
        rateLimited: (.httpRateLimited, "Too many requests to a service; try again later"),
        refused: (.httpRefused, "A service refused the call"))

    static func unavailable(_ detail: String) -> PipelineError { errors.unavailable(detail) }

    static func badResponse(_ detail: String) -> PipelineError { errors.badResponse(detail) }

    /// The call itself failed.
    static func failed(_ error: HTTPClientError) -> any Error { errors.failed(error) }

    /// The API answered with a status that is no success. What else it says may repeat a key that it was sent.
    static func refused(_ answer: HTTPResponse) -> PipelineError {
        errors.answered(answer.status, answer.headers, detail: "status \(answer.status)")
    }
}
