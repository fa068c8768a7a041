import Pipeline
import Stages

/// What the host says to a client.
enum ServerFrame {
    case session(id: String)
    case response(Message)
    case error(PipelineError, clientID: String?)

    /// The frame's text; `nil` where the format has no such frame.
    func text(in format: MessageFormat, sequence: Int) -> String? {
        switch format {
        case .text: plainText
        case .json: json(sequence: sequence)
        }
    }

    private var plainText: String? {
        switch self {
        case .session: nil
        case .response(let message): message.completion?.text ?? ""
        case .error(let error, _): error.message
        }
    }

    private func json(sequence: Int) -> String {
        var object: JSONText
        switch self {
        case .session(let id):
            object = JSONText(type: "session")
            object.add("session_id", id)
        case .response(let message):
            object = JSONText(type: "response")
            if let id = message.clientID { object.add("id", id) }
            object.add("message_id", message.id.description)
            object.add("session_id", message.session.id)
            object.add("response", message.completion?.text ?? "")
            object.add("tokens_used", raw: message.completion?.tokensUsed.map(String.init) ?? "null")
        case .error(let error, let clientID):
            object = JSONText(type: "error")
            if let clientID { object.add("id", clientID) }
            var content = JSONText()
            content.add("code", error.code.rawValue)
            content.add("message", error.message)
            if let stage = error.stage { content.add("stage", stage) }
            content.add("retryable", raw: error.isRetryable ? "true" : "false")
            object.add("error", raw: content.finished)
        }
        object.add("seq", raw: String(sequence))
        return object.finished
    }
}
