import Pipeline

/// The line that a program gets for a message, but for the number that comes first.
struct RequestLine: Sendable {
    private let start: String
    private let reads: [(path: FieldPath, key: String)]

    init(settings: [String: JSONValue], reads: [FieldPath]) {
        start = ",\"settings\":\(JSONValue.object(settings).json),\"fields\":{"
        self.reads = reads.map { ($0, JSONText.quoted($0.name) + ":") }
    }

    /// What comes before the number of each line.
    static let beginning = "{\"protocol\":1,\"id\":"

    /// What comes after the number of a line that asks for a sign of life.
    static let ping = ",\"ping\":true}\n"

    /// What comes after the number. Fields that the message doesn't have are left out.
    func text(for message: Message) -> String {
        var text = start
        var isFirst = true
        for (path, key) in reads {
            guard let value = path.value(in: message) else { continue }
            if !isFirst { text += "," }
            isFirst = false
            text += key
            JSONText.append(value, to: &text)
        }
        text += "}}\n"
        return text
    }
}
