import NIOCore
import Pipeline

/// Which frames of a connection come too fast.
///
/// Those past the rate are refused; a client that has sent ten seconds' worth more than it may is to be closed.
struct FrameRate {
    enum Verdict {
        case allowed
        case refused
        case abuse
    }

    let perSecond: Int
    private var allowance, patience: RateBucket

    /// `nil` where there is no limit.
    init?(perSecond rate: Int, now: NIODeadline) {
        guard rate > 0 else { return nil }
        perSecond = rate
        allowance = RateBucket(rate: rate, capacity: rate, now: now)
        patience = RateBucket(rate: rate, capacity: rate * 10, now: now)
    }

    /// Judges a frame that came now.
    mutating func frame(at now: NIODeadline) -> Verdict {
        guard patience.take(at: now) else { return .abuse }
        return allowance.take(at: now) ? .allowed : .refused
    }
}

extension PipelineError {
    /// What a client is told whose frames come too fast.
    static let tooManyFrames: PipelineError = {
        var error = PipelineError(.rateLimited, "Too many messages; try again in a second", isRetryable: true)
        error.retryAfter = .seconds(1)
        return error
    }()
}
