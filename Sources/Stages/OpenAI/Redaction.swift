import Pipeline

/// Takes secrets out of what an API says: some repeat in an error what they were sent.
struct Redaction: Sendable {
    private let secrets: [String]

    /// - Parameter headers: The values of header fields; a word of one may be the secret (`Bearer …`).
    init(_ key: Secret, headers: [Secret] = []) {
        let words = headers.flatMap { value in
            // Shorter words are in any text.
            value.revealed.split(separator: " ").map(String.init).filter { $0.utf8.count >= 6 }
        }
        let all = [key.revealed] + headers.map(\.revealed) + words
        // The longest first: a part that is gone would leave the rest of the whole.
        secrets = all.filter { !$0.isEmpty }.sorted { $0.utf8.count > $1.utf8.count }
    }

    func callAsFunction(_ text: String) -> String {
        secrets.reduce(text) { $0.replacing($1, with: "<secret>") }
    }
}
