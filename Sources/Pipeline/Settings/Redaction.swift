/// Takes secrets out of texts: some APIs repeat in an error what they were sent, and a recording has what was said.
package struct Redaction: Sendable {
    /// Shorter ones are a part of any text: they go only where they stand as a word.
    private static let shortest = 6

    private let secrets: [String]

    /// - Parameter secrets: What goes: each whole, its words (`Bearer …`), and the password of an address.
    package init(_ secrets: [Secret]) {
        let parts = secrets.map(\.revealed).flatMap { secret in
            let words = secret.split(separator: " ").map(String.init) + [Self.password(in: secret)].compactMap(\.self)
            return [secret] + words.filter { $0.utf8.count >= Self.shortest }
        }
        // The longest first: a part that is gone would leave the rest of the whole.
        self.secrets = Set(parts).filter { !$0.isEmpty }.sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
    }

    package func callAsFunction(_ text: String) -> String {
        secrets.reduce(text) { text, secret in
            // By scalars: an accent behind a secret hides nothing of it.
            if secret.utf8.count >= Self.shortest {
                return String(text.unicodeScalars.replacing(secret.unicodeScalars, with: "<secret>".unicodeScalars))
            }
            return Self.replacing(word: secret, in: text)
        }
    }

    private static func replacing(word: String, in text: String) -> String {
        var (result, rest) = ("", text[...])
        while let place = rest.firstRange(of: word) {
            let isWord =
                !(text[..<place.lowerBound].last.map(\.isPartOfWord) ?? false)
                && !(text[place.upperBound...].first.map(\.isPartOfWord) ?? false)
            result += rest[..<place.lowerBound]
            result += isWord ? "<secret>" : word
            rest = rest[place.upperBound...]
        }
        return result + rest
    }

    /// That of `postgres://user:password@host/database`.
    private static func password(in address: String) -> String? {
        guard let scheme = address.firstRange(of: "://"), let at = address.lastIndex(of: "@"), scheme.upperBound < at,
            let colon = address[scheme.upperBound..<at].firstIndex(of: ":")
        else { return nil }
        return String(address[address.index(after: colon)..<at])
    }
}

extension Character {
    fileprivate var isPartOfWord: Bool { isLetter || isNumber || self == "_" }
}

extension Secret {
    /// Every secret among the settings of a value: a stage, a resource, a section of a file.
    package static func all(in value: Any) -> [Secret] { all(in: value, depth: 0) }

    private static func all(in value: Any, depth: Int) -> [Secret] {
        if let secret = value as? Secret { return [secret] }
        // Settings are not nested deeper; state may be without an end.
        if depth == 12 { return [] }
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .class { return [] }
        return mirror.children.flatMap { all(in: $0.value, depth: depth + 1) }
    }
}
