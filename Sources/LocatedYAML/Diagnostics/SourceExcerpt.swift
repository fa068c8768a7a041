/// A line of a file with carets below what is meant.
struct SourceExcerpt {
    /// The most columns of a line that are shown; of a longer one, those around the caret.
    static let width = 160

    /// How many columns before the caret are shown of a line that is cut.
    private static let lead = 60

    private let number: Int
    private let shown: [Unicode.Scalar]
    private let caret: Int
    private let length: Int

    /// The first line of a range; `nil` where the file has no such line.
    init?(of range: SourceRange, in source: SourceFile) {
        guard let line = source.line(range.start.line) else { return nil }
        let scalars = line.unicodeScalars
        let start = max(0, range.start.column - 1)
        // One more than is shown tells whether the line goes on.
        let first = max(0, start - SourceExcerpt.lead)
        let isShort = scalars.dropFirst(SourceExcerpt.width).isEmpty
        let skipped = isShort ? 0 : first
        let window = scalars.dropFirst(skipped).prefix(SourceExcerpt.width + 1)
        let isCut = window.count > SourceExcerpt.width
        var shown = window.prefix(SourceExcerpt.width).map(PrintableText.standIn)
        let end = range.end.line > range.start.line ? skipped + shown.count : range.end.column - 1
        number = range.start.line
        caret = min(start - skipped, shown.count) + (skipped > 0 ? 1 : 0)
        length = max(1, min(end, skipped + shown.count) - start)
        if skipped > 0 { shown.insert("…", at: 0) }
        if isCut { shown.append("…") }
        self.shown = shown
    }

    /// The two lines, without a line break at the end.
    var text: String {
        let digits = String(number)
        let gutter = max(5, digits.count)
        let padding = shown.prefix(caret).map { $0 == "\t" ? "\t" : " " }.joined()
        let line = String(String.UnicodeScalarView(shown))
        let numbered = String(repeating: " ", count: gutter - digits.count) + digits
        let unnumbered = String(repeating: " ", count: gutter)
        let carets = "^" + String(repeating: "~", count: length - 1)
        return "\(numbered) | \(line)\n\(unnumbered) | \(padding)\(carets)"
    }
}
