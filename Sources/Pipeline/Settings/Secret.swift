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

    /// Any scalar but null, as keys may look like numbers.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Secret? {
        guard let scalar = node.scalar, scalar.isInterpolated || scalar.value != .null else {
            reader.diagnostics.error(.wrongType, at: node.range, "\(reader.subject) must be a string")
            return nil
        }
        return Secret(scalar.text)
    }
}
