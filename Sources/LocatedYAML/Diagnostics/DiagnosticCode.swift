/// What kind of problem a diagnostic reports: stable, for programs that read them.
///
/// Those who report problems of other kinds add constants by extension.
public struct DiagnosticCode: RawRepresentable, Sendable, Hashable {
    /// The code as it is written, in `snake_case`.
    public let rawValue: String

    /// A code by its text.
    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The text is no YAML.
    public static let yamlSyntax = DiagnosticCode(rawValue: "yaml_syntax")
    /// A tab where YAML wants spaces.
    public static let yamlTab = DiagnosticCode(rawValue: "yaml_tab")
    /// An anchor, an alias or a merge key.
    public static let yamlAlias = DiagnosticCode(rawValue: "yaml_alias")
    /// A tag such as `!!str`, or a directive that declares one.
    public static let yamlTag = DiagnosticCode(rawValue: "yaml_tag")
    /// A character that is not allowed in a file, such as NUL.
    public static let yamlCharacter = DiagnosticCode(rawValue: "yaml_character")
    /// Lists and mappings nested past the limit.
    public static let yamlTooDeep = DiagnosticCode(rawValue: "yaml_too_deep")
    /// More bytes than the limit, in the file or in what its variables make of it.
    public static let yamlTooLarge = DiagnosticCode(rawValue: "yaml_too_large")
    /// More values than the limit.
    public static let yamlTooManyNodes = DiagnosticCode(rawValue: "yaml_too_many_nodes")
    /// A second document in one file.
    public static let yamlDocuments = DiagnosticCode(rawValue: "yaml_documents")
    /// A file with nothing in it, or with comments alone.
    public static let empty = DiagnosticCode(rawValue: "empty")
    /// Bytes that are not UTF-8.
    public static let notUTF8 = DiagnosticCode(rawValue: "not_utf8")
    /// A key that its mapping already has.
    public static let duplicateKey = DiagnosticCode(rawValue: "duplicate_key")
    /// A key that is empty, a list or a mapping.
    public static let keyNotScalar = DiagnosticCode(rawValue: "key_not_scalar")
    /// A `${` that is no well-formed variable.
    public static let interpolationSyntax = DiagnosticCode(rawValue: "interpolation_syntax")
    /// A variable that is not set and has no default.
    public static let variableNotSet = DiagnosticCode(rawValue: "variable_not_set")
    /// A line of an environment file that can't be read.
    public static let envFileSyntax = DiagnosticCode(rawValue: "env_file_syntax")
    /// A key without a name, whose user is another than it was.
    public static let unnamedKey = DiagnosticCode(rawValue: "unnamed_key")
    /// A file that is missing, a directory, or not to be read.
    public static let fileUnreadable = DiagnosticCode(rawValue: "file_unreadable")

    /// Whether the lines that it is about may hold secrets, and are not shown.
    var hidesLines: Bool { self == .envFileSyntax || self == .unnamedKey }
}
