import Pipeline

/// What an API says went wrong, in whatever form: `{"error": {"message": "…", "code": 429}}`, `{"detail": [{"msg": "…"}]}`,
/// a list of these, and so on.
struct ReportedError {
    /// The status that a number in it would be; the first of them.
    private(set) var status: Int?
    /// Whether it calls itself an error: `{"object": "error"}`, `{"type": "error"}`.
    private(set) var isNamedError = false
    private var said: (rank: Int, text: String)?

    /// The first message in it.
    var message: String? { said?.text }

    /// Nothing said yet.
    init() {}

    /// What a text of JSON says; `nil` for any other.
    init?(in text: [UInt8]) {
        do throws(JSONReader.Problem) {
            try JSONReader.read(text, leniency: .everything) { (reader) throws(JSONReader.Problem) in
                try read(&reader)
            }
        } catch {
            return nil
        }
    }

    /// Reads a value, whatever it is.
    ///
    /// - Parameter key: The key that it has in its object.
    mutating func read(_ reader: inout JSONReader, key: String = "") throws(JSONReader.Problem) {
        switch reader.next() {
        case .object:
            try reader.object { (reader, key) throws(JSONReader.Problem) in try read(&reader, key: key) }
        case .array:
            try reader.array { (reader) throws(JSONReader.Problem) in try read(&reader, key: key) }
        case .string: note(try reader.piece().closed, key)
        case .null: try reader.skip()
        case .other: if case .int(let number) = try reader.value() { note(number, key) }
        }
    }

    private mutating func note(_ text: String, _ key: String) {
        if let number = Int(text) { return note(number, key) }
        if key == "object" || key == "type", text == "error" { isNamedError = true }
        guard let rank = ReportedError.ranks[key], rank < said?.rank ?? .max else { return }
        if text.utf8.contains(where: { $0 > 0x20 }) { said = (rank, text) }
    }

    private mutating func note(_ number: Int, _ key: String) {
        guard ReportedError.numbers.contains(key), (400...599).contains(number) else { return }
        status = status ?? number
    }

    /// Under which keys it is said what went wrong. What has a better one counts, wherever it stands.
    private static let ranks = [
        "message": 0, "msg": 0, "error_message": 0, "errorMessage": 0, "error": 1, "detail": 1, "details": 1,
        "errors": 1,
        "error_description": 1, "reason": 2, "title": 2,
    ]
    private static let numbers: Set = ["code", "status", "status_code", "statusCode", "error_code", "http_status"]
}
