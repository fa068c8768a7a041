import NIOHTTP1

extension HTTPRejection {
    /// 401, or 503 where it can't be told.
    init(_ failure: AuthFailure) {
        switch failure {
        case .keysUnavailable(let seconds): self = .unavailable(failure.reason, retryAfter: seconds)
        case .missing, .invalid, .expired: self = .unauthorized(failure)
        }
    }

    /// 401, as RFC 6750 section 3 has it.
    static func unauthorized(_ failure: AuthFailure) -> HTTPRejection {
        let problem =
            switch failure {
            case .missing, .keysUnavailable: ""
            case .invalid, .expired: ", error=\"invalid_token\", error_description=\"\(failure.reason)\""
            }
        return HTTPRejection(
            .unauthorized, failure.reason, headers: ["www-authenticate": "Bearer realm=\"stagecoach\"\(problem)"])
    }
}
