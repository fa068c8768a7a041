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
        guard let name = FieldName.read(node, with: &reader), FieldName.hasKey(name, node, with: &reader) else {
            return nil
        }
        if name.hasPrefix("session."), !PipelineWords.fields.contains(name) {
            reader.diagnostics.error(
                .badValue, at: node.range,
                "\(reader.subject) must be a field that sessions have, not '\(node.written)'",
                suggestion: Spelling.nearest(to: name, among: PipelineWords.fields))
            return nil
        }
        let path = FieldPath(name)
        if let field = path.field { reader.note(field, at: node) }
        return ReadField(path)
    }

    /// The name.
    public var settingText: String? { path.name }
}

/// A field that a program sets.
public struct WrittenField: SettingValue {
    let path: FieldPath

    init(_ path: FieldPath) {
        self.path = path
    }

    /// A field's name.
    public static var settingType: SettingType { .named("field", .string) }

    /// `prompt`, `completion` and its parts, `history`, `metadata.KEY`, or another name.
    public static func read(_ node: Node, with reader: inout SettingReader) -> WrittenField? {
        guard let name = FieldName.read(node, with: &reader), FieldName.hasKey(name, node, with: &reader) else {
            return nil
        }
        let path = FieldPath(name)
        if case .metadata = path { return WrittenField(path) }
        guard !name.contains(".") else {
            reader.diagnostics.error(
                .badValue, at: node.range,
                "\(reader.subject) must be prompt, completion, tokens_used, finish_reason, history, metadata.KEY or a "
                    + "new name; '\(node.written)' can't be changed")
            return nil
        }
        return WrittenField(path)
    }

    /// The name.
    public var settingText: String? { path.name }
}

extension Node {
    /// As it stands in the file: values of variables are never shown.
    fileprivate var written: String { scalar?.written ?? "" }
}

/// The names that fields can have.
private enum FieldName {
    /// `metadata` is a mapping, of which a program gets and sets single values.
    static func hasKey(_ name: String, _ node: Node, with reader: inout SettingReader) -> Bool {
        guard name == "metadata" || name == "metadata." else { return true }
        reader.diagnostics.error(
            .badValue, at: node.range, "\(reader.subject) must say which value of 'metadata', as in metadata.topic")
        return false
    }

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
        guard !name.isEmpty, isMetadata || isName, !name.hasPrefix("."), isMetadata || !name.hasSuffix(".") else {
            reader.diagnostics.error(
                .badValue, at: node.range, "\(reader.subject) must be the name of a field, such as prompt or my_field")
            return nil
        }
        return name
    }
}
