import Pipeline

/// The line that a program gets for a message, but for the number that comes first.
struct RequestLine: Sendable {
    private let start: String
    private let reads: [FieldPath]

    init(settings: [String: JSONValue], reads: [FieldPath]) {
        start = ",\"settings\":\(JSONValue.object(settings).json),\"fields\":"
        self.reads = reads
    }

    /// What comes before the number of each line.
    static let beginning = "{\"protocol\":1,\"id\":"

    /// What comes after the number of a line that asks for a sign of life.
    static let ping = ",\"ping\":true}\n"

    /// What comes after the number. Fields that the message doesn't have are left out.
    func text(for message: Message) -> String {
        var fields = JSONText()
        for path in reads {
            if let value = path.value(in: message) { fields.add(path.name, value) }
        }
        return "\(start)\(fields.finished)}\n"
    }
}
