extension Message {
    /// Whether other stages may run in place of those that failed: not for a client that has gone, and not once a piece
    /// of the answer has left.
    func mayRecover(from error: PipelineError) -> Bool {
        error.code != .cancelled && deltas?.hasLeft != true
    }

    /// Keeps an error for the stages that run after it.
    mutating func note(_ error: PipelineError) {
        self[.errorCode] = .string(error.code.rawValue)
        self[.errorMessage] = .string(error.message)
        self[.errorStage] = error.stage.map(JSONValue.string)
    }
}
