public import Pipeline

/// Values by the field of a message that they are for, in the order of the file.
public struct WritableFields<Value: SettingValue>: SettingValue {
    /// A field with its value.
    package struct Entry: Sendable {
        package let path: FieldPath
        package let value: Value
    }

    /// In the order of the file, but parts of an answer after the answer itself.
    package private(set) var all: [Entry] = []

    /// What must be there for them to be written.
    package var requires: Fields { all.map(\.path).requiredToWrite }

    /// What is there once they are.
    package var provides: Fields { Fields(all.compactMap(\.path.provided)) }

    /// None.
    public init() {}

    /// - Throws: Where the field can't be written into.
    mutating func set(_ name: String, _ value: Value) throws(MessageTemplate.Problem) {
        let path = FieldPath(name)
        guard path.isWritable else { throw MessageTemplate.Problem("can't change '\(name)'") }
        all.append(Entry(path: path, value: value))
        sort()
    }

    private mutating func sort() {
        all = all.filter { !$0.path.isPartOfCompletion } + all.filter(\.path.isPartOfCompletion)
    }

    /// A mapping.
    public static var settingType: SettingType { .dictionary(Value.settingType) }

    /// Every field and value, so that each wrong one is reported.
    public static func read(_ node: Node, with reader: inout SettingReader) -> WritableFields? {
        guard let entries = node.entries, !entries.isEmpty else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        var fields = WritableFields()
        for entry in entries {
            let path = path(entry.key, with: &reader)
            let name = entry.key.scalar?.text ?? ""
            let value = reader.with(subject: "'\(name)' in \(reader.subject)") { Value.read(entry.value, with: &$0) }
            if let path, let value { fields.all.append(Entry(path: path, value: value)) }
        }
        fields.sort()
        return fields.all.count == entries.count ? fields : nil
    }

    /// A field that is written nearly like one that every message has is meant to be that one.
    private static func path(_ key: Node, with reader: inout SettingReader) -> FieldPath? {
        let name = key.scalar?.text ?? ""
        let path = FieldPath(name)
        let writable = ["prompt", "completion"]
        if !path.isWritable {
            reader.diagnostics.error(
                .badValue, at: key.range,
                "the field '\(name)' can't be changed; prompt, completion and metadata.KEY can")
            return nil
        }
        if case .custom = path, let near = Spelling.nearest(to: name, among: writable + PipelineWords.fields) {
            reader.diagnostics.error(
                .badValue, at: key.range,
                "'\(name)' is not a message field, but too similar to one for a field of your own", suggestion: near)
            return nil
        }
        return path
    }
}
