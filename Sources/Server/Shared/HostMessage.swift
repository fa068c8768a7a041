import Pipeline

/// What one host says to another of a session.
struct HostMessage: Sendable {
    enum Kind: String, Sendable {
        /// Hands the session over to who asks.
        case take
        /// A frame for the session's client, of a message that is worked on at another host.
        case frame
        /// A message with an id of the client's has come by another host: is it worked on, or answered?
        case begin
        /// How the work on such a message has ended.
        case ended
        /// What became of a message that another host waits for.
        case outcome
        /// Ends a message.
        case cancel
        /// The answer to a question.
        case reply
        /// Whether somebody is there.
        case ping
        /// What has come in its order, up to a number.
        case acknowledge
        /// What was said before, as far as it has not come, won't come any more.
        case lost
    }

    let kind: Kind
    /// The host that says it.
    let from: String
    let session: String
    /// What belongs together: a question and its answer, what was taken and the frames that follow.
    let number: Int
    var members: [String: JSONValue] = [:]
    /// Its number in the order of what one host says to the other; `nil` where it has none, as before there were numbers.
    var order: Int?

    var bytes: [UInt8] {
        var object = JSONText(type: kind.rawValue)
        object.add("from", from)
        object.add("session", session)
        object.add("number", raw: String(number))
        if let order { object.add("order", raw: String(order)) }
        for (key, value) in members { object.add(key, value) }
        return object.finishedBytes
    }

    init(_ kind: Kind, from: String, session: String, number: Int, _ members: [String: JSONValue] = [:]) {
        (self.kind, self.from, self.session, self.number, self.members) = (kind, from, session, number, members)
    }

    /// `nil` for what a host of a later version says.
    init?(_ bytes: some Sequence<UInt8>) {
        guard case .object(let members)? = JSONValue(json: String(decoding: Array(bytes), as: UTF8.self)),
            let kind = members["type"]?.text.flatMap(Kind.init), let from = members["from"]?.text,
            let session = members["session"]?.text, case .int(let number)? = members["number"]
        else { return nil }
        self.init(kind, from: from, session: session, number: number, members)
        order = members["order"]?.safeInteger
    }
}

extension JSONValue {
    /// `null` for nothing.
    init(_ text: String?) { self = text.map(JSONValue.string) ?? .null }
}
