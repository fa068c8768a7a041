/// Text that is never printed: keys, passwords, tokens.
public struct Secret: Sendable, Hashable, SettingValue, CustomStringConvertible, CustomReflectable {
    /// The text itself, for the one place that needs it.
    public let revealed: String

    /// Keeps a text from being printed.
    public init(_ text: String) {
        revealed = text
    }

    /// Whether there is nothing to keep.
    public var isEmpty: Bool { revealed.isEmpty }

    /// Never the text.
    public var description: String { isEmpty ? "<empty secret>" : "<secret>" }

    /// Never the text either.
    public var customMirror: Mirror { Mirror(self, children: [:]) }

    /// A secret.
    public static var settingType: SettingType { .secret }

    /// Any scalar but null, as keys may look like numbers, or `{file: PATH}`: the text of a file.
    ///
    /// Line ends behind it are left out, as no header and no password has any; variables often do.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Secret? {
        if let file = node.secretFile {
            let subject = reader.subject
            let text = reader.secretFiles.text(of: file, for: subject, into: &reader.diagnostics)
            return text.map { withoutLineEnds($0, at: node, &reader) }
        }
        guard let scalar = node.scalar, scalar.isInterpolated || scalar.value != .null else {
            reader.wrongType(
                node, expected: settingType, hint: variable(in: node).map { "a variable is written \"${\($0)}\"" })
            return nil
        }
        return withoutLineEnds(scalar.text, at: node, &reader)
    }

    /// The name in `{OPENAI_API_KEY}` and `{env: OPENAI_API_KEY}`.
    private static func variable(in node: Node) -> String? {
        guard let entries = node.entries, entries.count == 1 else { return nil }
        let name = entries[0].value.isNull ? entries[0].name : entries[0].value.scalar?.written ?? ""
        let isNamed =
            entries[0].value.isNull || ["env", "var", "variable", "from_env", "secret"].contains(entries[0].name)
        return isNamed ? ForeignVariable(in: "{{\(name)}}")?.name : nil
    }

    private static func withoutLineEnds(_ text: String, at node: Node, _ reader: inout SettingReader) -> Secret {
        let rest = text.droppingLineEnds
        if rest.utf8.count < text.utf8.count {
            reader.diagnostics.warning(
                .badValue, at: node.range, "\(reader.subject) ends with a line end, which is left out")
        }
        return Secret(rest)
    }
}
