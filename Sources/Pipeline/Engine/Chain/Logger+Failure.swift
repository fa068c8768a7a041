public import Logging

extension Logger {
    /// The one log entry of a message that failed.
    ///
    /// - Parameter level: Where it is left out, that of an error, or of information where nobody but the client can mend
    ///   what failed.
    public func failure(
        _ error: PipelineError, of message: Pipeline.Message, note: String = "", level: Logger.Level? = nil
    ) {
        let level = level ?? (PipelineError.Code.ofClients.contains(error.code) ? .info : .error)
        guard level >= logLevel else { return }
        var metadata: Logger.Metadata = [
            "message_id": "\(message.id)", "session_id": "\(message.session.id)", "code": "\(error.code)",
        ]
        metadata["stage"] = error.stage.map { "\($0)" }
        metadata["detail"] = error.detail.map { "\($0)" }
        log(level: level, "\(error.message)\(note)", metadata: metadata)
    }
}
