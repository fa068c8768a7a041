/// A place in a text file, as editors count it.
public struct SourceLocation: Sendable, Hashable, Comparable {
    /// The line, from 1.
    public var line: Int

    /// The column, from 1, in Unicode scalars; a tab is one.
    public var column: Int

    /// A place by line and column, both from 1.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// Where every file begins.
    public static let start = SourceLocation(line: 1, column: 1)

    /// The one nearer to the file's beginning comes first.
    public static func < (left: SourceLocation, right: SourceLocation) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A stretch of a text file.
public struct SourceRange: Sendable, Hashable {
    /// Its first character.
    public var start: SourceLocation

    /// The place after its last character.
    public var end: SourceLocation

    /// What lies between two places; `end` itself is outside.
    public init(start: SourceLocation, end: SourceLocation) {
        self.start = start
        self.end = end
    }

    /// One character, or the first few on a line.
    package init(at start: SourceLocation, length: Int = 1) {
        self.init(start: start, end: SourceLocation(line: start.line, column: start.column + length))
    }
}
