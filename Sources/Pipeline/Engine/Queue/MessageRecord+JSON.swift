/// The record as an object of JSON, as dead letters have it.
extension Message.Record {
    /// The record as one line. A client's metadata is kept however deep it is nested.
    package var json: String { text.finished }

    /// The same as bytes.
    package var jsonBytes: [UInt8] { text.finishedBytes }

    private var text: JSONText {
        // So that it does not grow; quotation marks of the response are two bytes each.
        let texts = prompt.utf8.count + (completion?.utf8.count ?? 0) + (response?.utf8.count ?? 0)
        var text = JSONText(capacity: 320 + texts * 5 / 4)
        text.add("id", id)
        text.add("received_at", .int(Int(receivedAt)))
        text.add("session", session)
        text.add("username", username)
        if let userID { text.add("user_id", userID) }
        if let clientID { text.add("client_id", clientID) }
        text.add("prompt", prompt)
        if let completion { text.add("completion", completion) }
        if let tokensUsed { text.add("tokens_used", .int(tokensUsed)) }
        if let response { text.add("response", response) }
        if let metadata { text.add("metadata", .object(metadata)) }
        if let fields { text.add("fields", .object(fields)) }
        if let trace { text.add("trace", .object(trace.mapValues(JSONValue.string))) }
        return text
    }

    /// The record that an object is; `nil` for any other value.
    package init?(json: JSONValue) {
        guard case .object(let members) = json else { return nil }
        var isGood = true
        func value<Value>(_ key: String, _ read: (JSONValue) -> Value?) -> Value? {
            guard let member = members[key], member != .null else { return nil }
            let value = read(member)
            if value == nil { isGood = false }
            return value
        }
        func text(_ key: String) -> String? {
            value(key) { if case .string(let text) = $0 { text } else { nil } }
        }
        func whole(_ key: String) -> Int? {
            value(key) { if case .int(let number) = $0 { number } else { nil } }
        }
        func object(_ key: String) -> [String: JSONValue]? {
            value(key) { if case .object(let members) = $0 { members } else { nil } }
        }
        guard let id = text("id"), let receivedAt = whole("received_at"), let session = text("session"),
            let username = text("username"), let prompt = text("prompt")
        else { return nil }
        self.init(
            id: id, receivedAt: Int64(receivedAt), session: session, username: username, userID: text("user_id"),
            clientID: text("client_id"), prompt: prompt, completion: text("completion"),
            tokensUsed: whole("tokens_used"), response: text("response"), metadata: object("metadata"),
            fields: object("fields"), trace: object("trace").map { $0.compactMapValues(\.text) })
        if !isGood { return nil }
    }
}
