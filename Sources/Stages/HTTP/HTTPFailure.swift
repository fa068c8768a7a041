import HTTPClient
public import Pipeline
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
