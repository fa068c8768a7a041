/// A value of a YAML file that is neither a list nor a mapping.
public struct Scalar: Sendable {
    /// How it was written.
    public enum Style: Sendable, Hashable {
        /// Without quotes.
        case plain
        /// `'…'`
        case singleQuoted
        /// `"…"`
        case doubleQuoted
        /// `|` and lines below it.
        case literal
        /// `>` and lines below it.
        case folded
    }

    /// The text, with variables in place of `${…}`. It may hold secrets: diagnostics show ``written``.
    public let text: String

    /// The text as the file has it, before interpolation; YAML's quotes and escapes are gone.
    public let written: String

    /// How it was written.
    public let style: Style

    /// Whether a variable, or its default, is part of the text.
    public let isInterpolated: Bool

    /// A scalar.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - written: The text before interpolation, where that is another.
    ///   - style: How it is quoted.
    ///   - isInterpolated: Whether a variable was put in.
    public init(_ text: String, written: String? = nil, style: Style = .plain, isInterpolated: Bool = false) {
        self.text = text
        self.written = written ?? text
        self.style = style
        self.isInterpolated = isInterpolated
    }
}

extension Scalar: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text before interpolation, so that printing shows no secret.
    public var description: String { written }

    /// The text before interpolation, quoted.
    public var debugDescription: String { written.debugDescription }

    /// Shows no secret either.
    public var customMirror: Mirror { Mirror(self, children: ["written": written]) }
}
