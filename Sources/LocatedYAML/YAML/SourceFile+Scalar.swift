extension SourceFile {
    /// Where a part of a scalar's text stands in the source; `nil` where that is not certain: in text of several lines,
    /// and with variables in it.
    ///
    /// - Parameter part: Counted in Unicode scalars of the text.
    package func range(of part: Range<Int>, in node: Node) -> SourceRange? {
        guard let scalar = node.scalar, !scalar.isInterpolated, node.range.start.line == node.range.end.line else {
            return nil
        }
        let source = Array(self[bytes: bytes(of: node.range)].unicodeScalars)
        let isQuoted = scalar.style == .singleQuoted || scalar.style == .doubleQuoted
        var at: Int
        let end: Int
        (at, end) = isQuoted ? (1, source.count - 1) : (0, source.count)
        var places = [at]
        for _ in scalar.text.unicodeScalars {
            guard at < end else { return nil }
            at += Self.length(of: source[at...], scalar.style)
            places.append(at)
        }
        guard at == end, part.upperBound < places.count else { return nil }
        func location(_ place: Int) -> SourceLocation {
            SourceLocation(line: node.range.start.line, column: node.range.start.column + places[place])
        }
        return SourceRange(start: location(part.lowerBound), end: location(part.upperBound))
    }

    /// How many characters one of a scalar is written with.
    private static func length(of source: ArraySlice<Unicode.Scalar>, _ style: Scalar.Style) -> Int {
        switch (source.first, style) {
        case ("'", .singleQuoted): return 2
        case ("\\", .doubleQuoted):
            return switch source.dropFirst().first {
            case "x": 4
            case "u": 6
            case "U": 10
            default: 2
            }
        default: return 1
        }
    }
}
