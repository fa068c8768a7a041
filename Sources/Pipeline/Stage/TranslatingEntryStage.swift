/// An entry stage whose clients send and get text of its own by `POST`, in place of JSON objects.
///
/// Over WebSocket its ``EntryStage/format`` is spoken. Who may come in, how long a body may be, and the status of an answer
/// are the host's as everywhere.
public protocol TranslatingEntryStage: EntryStage {
    /// The type of what it answers, such as `text/plain; charset=utf-8`.
    var contentType: String { get }

    /// What a request asks. Runs on the connection's event loop: it must not block the thread.
    ///
    /// - Throws: ``PipelineError``, such as one with the code `invalid_message`, for the client; anything else becomes
    ///   `stage_failed`.
    func request(in body: String) throws -> EntryRequest

    /// What the client gets.
    func text(of answer: EntryRequest.Answer) -> String
}

/// What a client asks of an entry stage that translates.
public struct EntryRequest: Sendable {
    /// What is asked.
    public var prompt: String
    /// The client's own id of the message, by which it is known where it comes again.
    public var id: String?
    /// Who asks; the name of an authenticated client wins.
    public var username: String?
    /// What stages see as `metadata.KEY`.
    public var metadata: [String: JSONValue] = [:]

    /// A question of nobody in particular.
    public init(prompt: String) { self.prompt = prompt }

    /// The same as a client of ``Message/Format/json`` says it.
    package var frame: String {
        var object = JSONText()
        object.add("prompt", prompt)
        if let id { object.add("id", id) }
        if let username { object.add("username", username) }
        if !metadata.isEmpty { object.add("metadata", raw: JSONValue.object(metadata).json) }
        return object.finished
    }
}

extension EntryRequest {
    /// What became of a request.
    public enum Answer: Sendable, Equatable {
        /// The answer, and the tokens that the model counted.
        case answer(String, tokensUsed: Int?)
        /// What went wrong: the error's stable code, and a sentence for the client.
        case failure(code: String, message: String)
    }
}
