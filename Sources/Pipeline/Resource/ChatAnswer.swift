/// An answer as OpenAI's API has it whole: what is stored of one that came in pieces.
package enum ChatAnswer {
    /// The JSON text.
    ///
    /// - Parameters:
    ///   - text: The answer.
    ///   - finishReason: How it ended, in the API's words; `nil` where it did not say.
    ///   - head: What the pieces have in common, such as `id` and `model`.
    ///   - tail: What stands behind the answer, as JSON.
    package static func json(
        _ text: String, finishReason: String? = nil, head: [(key: String, value: JSONValue)] = [],
        tail: (key: String, json: String)? = nil
    ) -> String {
        var choice = JSONText()
        choice.add("index", raw: "0")
        choice.add("message", raw: "{\"role\":\"assistant\",\"content\":\(JSONText.quoted(text))}")
        choice.add("finish_reason", raw: finishReason.map(JSONText.quoted) ?? "null")
        var object = JSONText()
        object.add("object", "chat.completion")
        for member in head { object.add(member.key, member.value) }
        object.add("choices", raw: "[\(choice.finished)]")
        if let tail { object.add(tail.key, raw: tail.json) }
        return object.finished
    }
}

extension Completion {
    /// What is stored of an answer that broke off after some of it had left for the client.
    init(partial text: String) {
        self.init(text: text, response: ChatAnswer.json(text, tail: ("partial", "true")))
    }
}
