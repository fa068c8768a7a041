/// The record as an object of JSON, as dead letters have it.
extension Message.Record {
    /// The record as one line. A client's metadata is kept however deep it is nested.
    package var json: String { text.finished }

    /// The same as bytes.
    package var jsonBytes: [UInt8] { text.finish() }

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

extension Message.Record {
    /// The record that bytes are, as ``init(json:)`` has it of what they are read to, in one pass; `nil` for anything else.
    ///
    /// - Parameter deepest: How deep it may be nested: what a client sent is some levels further in.
    package init?(reading bytes: UnsafeRawBufferPointer, deepest: Int = JSONReader.deepest + 8) {
        var reading = Reading()
        let isRead: Void? = try? JSONReader.read(bytes, deepest: deepest, leniency: .none) {
            (reader) throws(JSONReader.Problem) in
            try reader.object { (reader, key) throws(JSONReader.Problem) in try reading.read(key, from: &reader) }
        }
        guard isRead != nil, let id = reading.id.value, let receivedAt = reading.receivedAt.value,
            let session = reading.session.value, let username = reading.username.value,
            let prompt = reading.prompt.value
        else { return nil }
        self.init(
            id: id, receivedAt: Int64(receivedAt), session: session, username: username,
            userID: reading.userID.value, clientID: reading.clientID.value, prompt: prompt,
            completion: reading.completion.value, tokensUsed: reading.tokensUsed.value,
            response: reading.response.value, metadata: reading.metadata.value, fields: reading.fields.value,
            trace: reading.trace.value.map { $0.compactMapValues(\.text) })
    }

    /// The members that have been read. Of those with the same key the first counts.
    private struct Reading {
        struct Member<Value> {
            var value: Value?
            var isThere = false

            mutating func take(
                _ reader: inout JSONReader, _ read: (JSONValue) -> Value?
            ) throws(JSONReader.Problem) {
                let found = try reader.value()
                if isThere { return }
                isThere = true
                if found == .null { return }
                value = read(found)
                if value == nil { throw reader.problem("a member is of another kind") }
            }
        }

        var id = Member<String>(), session = Member<String>(), username = Member<String>()
        var userID = Member<String>(), clientID = Member<String>(), prompt = Member<String>()
        var completion = Member<String>(), response = Member<String>()
        var receivedAt = Member<Int>(), tokensUsed = Member<Int>()
        var metadata = Member<[String: JSONValue]>(), fields = Member<[String: JSONValue]>()
        var trace = Member<[String: JSONValue]>()

        mutating func read(_ key: String, from reader: inout JSONReader) throws(JSONReader.Problem) {
            switch key {
            case "id": try id.take(&reader, Self.text)
            case "received_at": try receivedAt.take(&reader, \.whole)
            case "session": try session.take(&reader, Self.text)
            case "username": try username.take(&reader, Self.text)
            case "user_id": try userID.take(&reader, Self.text)
            case "client_id": try clientID.take(&reader, Self.text)
            case "prompt": try prompt.take(&reader, Self.text)
            case "completion": try completion.take(&reader, Self.text)
            case "tokens_used": try tokensUsed.take(&reader, \.whole)
            case "response": try response.take(&reader, Self.text)
            case "metadata": try metadata.take(&reader, Self.object)
            case "fields": try fields.take(&reader, Self.object)
            case "trace": try trace.take(&reader, Self.object)
            // What is passed over must be JSON that can be read, too.
            default: _ = try reader.value()
            }
        }

        private static func text(_ value: JSONValue) -> String? {
            if case .string(let text) = value { text } else { nil }
        }

        private static func object(_ value: JSONValue) -> [String: JSONValue]? {
            if case .object(let members) = value { members } else { nil }
        }
    }
}
