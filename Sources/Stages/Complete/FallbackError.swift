public import Pipeline

/// Errors after which another model may do better.
public enum FallbackError: String, CaseIterable, SettingValue {
    /// It can't be reached, fails, or rests after failures.
    case modelUnavailable = "model_unavailable"
    /// It did not answer in time.
    case modelTimeout = "model_timeout"
    /// It gets too many requests.
    case modelRateLimited = "model_rate_limited"
    /// It refuses the key.
    case modelUnauthorized = "model_unauthorized"
    /// It has no key.
    case modelKeyMissing = "model_key_missing"
    /// Its answer is none.
    case modelBadResponse = "model_bad_response"
    /// Its API filters the answer: whether another's may say it is for the file to decide.
    case modelFiltered = "model_filtered"

    /// All but those that a file must name.
    static let usual = allCases.filter { $0 != .modelFiltered }
}
