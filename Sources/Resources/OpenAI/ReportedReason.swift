package import Pipeline

/// What the log says of an API's words: without secrets, which some APIs repeat in their errors, and without what was said to
/// the model, which some repeat, too.
package struct ReportedReason {
    private let secrets: [Secret]
    private let turns: [CompletionRequest.Turn]

    /// - Parameters:
    ///   - secrets: What nobody may see.
    ///   - turns: What the model was told. Texts of fewer than 6 characters may stand in any sentence, and stay.
    package init(hiding secrets: [Secret] = [], _ turns: [CompletionRequest.Turn] = []) {
        self.secrets = secrets
        self.turns = turns
    }

    /// The first message in a body, else its beginning; `nil` where it says nothing.
    func found(in body: [UInt8]) -> String? {
        if let message = ReportedError(in: body)?.message { return shortened(message) }
        return beginning(of: body)
    }

    /// The first 200 characters.
    func beginning(of body: [UInt8]) -> String? {
        let text = hidden(String(decoding: body, as: UTF8.self)).trimmed
        return text.isEmpty ? nil : PrintableText.escaped(text.prefix(200))
    }

    /// A message, so much of it as a line of the log holds.
    func shortened(_ message: String) -> String { PrintableText.escaped(hidden(message).prefix(300)) }

    private func hidden(_ text: String) -> String {
        // Only its beginning is shown, and looked for what was said.
        let text = String(Redaction(secrets)(text).unicodeScalars.prefix(ReportedReason.longest))
        return turns.reduce(text) { text, turn in
            let escaped = String(JSONText.quoted(turn.content).dropFirst().dropLast())
            let hidden = ReportedReason.text(text, without: turn.content)
            return escaped == turn.content ? hidden : ReportedReason.text(hidden, without: escaped)
        }
    }

    private static let longest = 8_192
    private static let shortest = 6
    /// So much of a text is taken for its beginning.
    private static let beginning = 16

    /// Some APIs repeat only the beginning of what they were told, or write it in another way: then nothing behind it is
    /// shown.
    private static func text(_ text: String, without said: String) -> String {
        let said = Array(said.unicodeScalars.prefix(longest))
        guard said.count >= shortest else { return text }
        let start = said.prefix(beginning)
        var rest = Array(text.unicodeScalars)[...]
        var result = String.UnicodeScalarView()
        while let index = rest.firstRange(of: start)?.lowerBound {
            result.append(contentsOf: rest[..<index])
            result.append(contentsOf: "<said>".unicodeScalars)
            let same = zip(rest[index...], said).prefix { $0 == $1 }.count
            guard same == said.count else { return String(result) }
            rest = rest[(index + same)...]
        }
        result.append(contentsOf: rest)
        return String(result)
    }
}
