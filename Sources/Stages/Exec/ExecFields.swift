public import Pipeline

/// A field that a program gets, by its name in pipeline files.
public struct ReadField: SettingValue {
    let path: FieldPath

    init(_ path: FieldPath) {
        self.path = path
    }

    /// A field's name.
    public static var settingType: SettingType { .named("field", .string) }

    /// A field that messages have, or a name that a stage may have made up.
    public static func read(_ node: Node, with reader: inout SettingReader) -> ReadField? {
        guard let name = FieldName.read(node, with: &reader) else { return nil }
        if name.hasPrefix("session."), !FieldPath.builtIn.contains(name) {
            reader.diagnostics.error(
                .badValue, at: node.range,
                "\(reader.subject) must be a field that sessions have, not '\(node.written)'",
                suggestion: Spelling.nearest(to: name, among: FieldPath.builtIn))
            return nil
        }
        return ReadField(FieldPath(name))
    }

    /// The name.
    public var settingText: String? { path.name }
}

/// A field that a program sets.
public struct WrittenField: SettingValue {
    let field: Field

    init(_ field: Field) {
        self.field = field
    }

    /// A field's name.
    public static var settingType: SettingType { .named("field", .string) }

    /// `prompt`, `completion`, or a name of one's own.
    public static func read(_ node: Node, with reader: inout SettingReader) -> WrittenField? {
        guard let name = FieldName.read(node, with: &reader) else { return nil }
        guard !name.contains(".") else {
            reader.diagnostics.error(
                .badValue, at: node.range,
                "\(reader.subject) must be prompt, completion or a name of one's own; '\(node.written)' can't be changed"
            )
            return nil
        }
        return WrittenField(Field(name))
    }

    /// The name.
    public var settingText: String? { field.name }
}

extension Node {
    /// As it stands in the file: values of variables are never shown.
    fileprivate var written: String { scalar?.written ?? "" }
}

/// The names that fields can have.
private enum FieldName {
    static func read(_ node: Node, with reader: inout SettingReader) -> String? {
        guard let name = String.read(node, with: &reader) else { return nil }
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        let isMetadata = name.hasPrefix("metadata.")
        guard !name.isEmpty, isMetadata || isName, !name.hasPrefix("."), !name.hasSuffix(".") else {
            reader.diagnostics.error(
                .badValue, at: node.range, "\(reader.subject) must be the name of a field, such as prompt or my_field")
            return nil
        }
        return name
    }
}
