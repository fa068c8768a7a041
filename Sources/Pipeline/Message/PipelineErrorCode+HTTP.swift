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
