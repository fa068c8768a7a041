/// One problem of a file, with its place.
public struct Diagnostic: Error, Sendable, Hashable {
    /// How bad it is.
    public enum Severity: String, Sendable, Hashable {
        /// The file can't be used.
        case error
        /// The file works, but perhaps not as meant.
        case warning
        /// Something that explains another diagnostic.
        case note
    }

    /// How bad it is.
    public let severity: Severity

    /// What kind of problem it is.
    public let code: DiagnosticCode

    /// What is wrong, in one sentence without a full stop; holds no values of variables.
    public let message: String

    /// The file's path.
    public let path: String

    /// Where in the file; `nil` for the file as a whole.
    public let range: SourceRange?

    /// What was probably meant.
    public let suggestion: String?

    /// Whether the lines that it is about may hold a secret, and are not shown.
    public let hidesLines: Bool

    /// A problem of a file.
    public init(
        severity: Severity, code: DiagnosticCode, message: String, path: String, range: SourceRange? = nil,
        suggestion: String? = nil, hidesLines: Bool = false
    ) {
        self.severity = severity
        self.code = code
        self.message = message
        self.path = path
        self.range = range
        self.suggestion = suggestion
        self.hidesLines = hidesLines || code.hidesLines
    }
}
