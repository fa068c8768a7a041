extension SourceFile {
    /// Whether a line begins as one of a pipeline file does: with the key `stages` or `pipeline`.
    ///
    /// Of a file that has no such line nothing is shown. A pipeline file from elsewhere may name any file as one that it
    /// uses (`.env`, `/proc/self/environ`), and the excerpts of its diagnostics would print what is in it.
    var looksLikePipeline: Bool {
        text.utf8.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).contains { line in
            // As a key may stand there: `stages:`, `"stages":`, `{stages:`.
            let written = line.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "{") || $0.isQuote }
            return ["stages", "pipeline"].contains { key in
                written.starts(with: key.utf8)
                    && written.dropFirst(key.utf8.count).first { !$0.isQuote } == UInt8(ascii: ":")
            }
        }
    }
}

extension UInt8 {
    fileprivate var isQuote: Bool { self == UInt8(ascii: "\"") || self == UInt8(ascii: "'") }
}
