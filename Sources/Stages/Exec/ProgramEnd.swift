import Pipeline

/// Why a process of a pool is no more, or must not go on.
enum ProgramEnd {
    /// It ended by itself.
    case died(String)
    /// It worked too long on the line with that number; `isMute` where it has answered nothing since it started.
    case late(Int, isMute: Bool = false)
    /// It used too much CPU time for it.
    case greedy(Int)
    /// It wrote what is no answer; to the line with that number, where one is to blame.
    case broken(String, by: Int? = nil)
    /// It gave no sign of life.
    case silent

    /// What the message that it was working on fails with.
    var error: PipelineError {
        let text = "The message could not be processed"
        return switch self {
        case .died(let how): PipelineError(.stageFailed, text, isRetryable: true, detail: "the program \(how)")
        case .late, .greedy: PipelineError(.timeout, "The message took too long", isRetryable: true, detail: reason)
        case .broken(let what, _): .broken(what)
        case .silent: PipelineError(.stageFailed, text, isRetryable: true, detail: reason)
        }
    }

    /// For the log.
    var reason: String {
        switch self {
        case .died(let how): "the program \(how)"
        case .late(_, let isMute):
            "the program did not answer in time, so it was killed"
                + (isMute ? "; it has answered nothing since it started: does it flush each answer?" : "")
        case .greedy: "the program used more CPU time than a message may take, so it was killed"
        case .broken(let what, _): "the program broke its contract, so it was killed: \(what)"
        case .silent: "the program gave no sign of life, so it was killed"
        }
    }

    /// What a message fails with whose answer had begun when another one, which is to blame, ended the process.
    static let bystander = PipelineError(
        .stageFailed, "The message could not be processed", isRetryable: true,
        detail: "the program was killed for another message, when the answer to this one had begun")
}
