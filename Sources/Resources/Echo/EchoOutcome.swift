public import Pipeline
import Synchronization

/// What becomes of a call of ``Echo``.
public enum EchoOutcome: String, CaseIterable, SettingValue {
    /// It is answered.
    case ok
    /// It breaks off after half of the answer.
    case cut
    /// As an API that can't be reached.
    case modelUnavailable = "model_unavailable"
    /// As one that says nothing.
    case modelTimeout = "model_timeout"
    /// As one that asks to slow down.
    case modelRateLimited = "model_rate_limited"
    /// As one that refuses the key.
    case modelUnauthorized = "model_unauthorized"
    /// As one whose answer is none.
    case modelBadResponse = "model_bad_response"
    /// As one that filters the answer.
    case modelFiltered = "model_filtered"

    var error: PipelineError? {
        let detail = "as 'fail' says"
        return switch self {
        case .ok, .cut: nil
        case .modelUnavailable: ModelError.unavailable(detail)
        case .modelTimeout: ModelError.timeout(detail)
        case .modelRateLimited: ModelError.refused(429, [], hiding: ReportedReason())
        case .modelUnauthorized: ModelError.refused(401, [], hiding: ReportedReason())
        case .modelBadResponse: ModelError.badResponse(detail)
        case .modelFiltered: ModelError.filtered
        }
    }
}

/// Counts calls.
final class EchoCalls: Sendable {
    private let count = Atomic<Int>(0)

    func next(of outcomes: [EchoOutcome]) -> EchoOutcome {
        guard !outcomes.isEmpty else { return .ok }
        return outcomes[count.add(1, ordering: .relaxed).oldValue % outcomes.count]
    }
}
