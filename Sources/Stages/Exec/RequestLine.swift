import Pipeline

/// The line that a program gets for a message, but for the number that comes first.
struct RequestLine: Sendable {
    private let start: String
    private let reads: [FieldPath]

    init(settings: [String: JSONValue], reads: [FieldPath]) {
        start = ",\"settings\":\(JSONValue.object(settings).json)"
        self.reads = reads
    }

    /// What comes before the number of each line.
    static func beginning(version: Int) -> String { "{\"protocol\":\(version),\"id\":" }

    /// What comes after the number of a line that asks for a sign of life.
    static let ping = ",\"ping\":true}\n"

    /// What comes after the number of a line whose message nobody waits for any more.
    static let cancel = ",\"cancel\":true}\n"

    /// What comes after the number. Fields that the message doesn't have are left out.
    ///
    /// - Parameter streams: Whether pieces of the answer leave for the client as they come.
    func text(for message: Message, streams: Bool = false) -> String {
        var fields = JSONText()
        for path in reads {
            if let value = path.value(in: message) {
                fields.add(path.name, value)
            } else if path == .history {
                fields.add(path.name, .array([]))
            }
        }
        return "\(start)\(streams ? ",\"stream\":true" : ""),\"fields\":\(fields.finished)}\n"
    }
}
