/// Any value of a pipeline file, lists and mappings included, as JSON has it.
public struct JSONSetting: SettingValue, Hashable {
    /// The value.
    public let value: JSONValue

    /// The value as JSON text; keys of mappings stand in the order of the file, in which models often answer.
    public let json: String

    /// A value; its keys are sorted.
    public init(_ value: JSONValue) {
        self.init(value, json: value.json)
    }

    private init(_ value: JSONValue, json: String) {
        self.value = value
        self.json = json
    }

    /// Anything.
    public static var settingType: SettingType { .any }

    /// Scalars of YAML's core schema, lists and mappings.
    public static func read(_ node: Node, with reader: inout SettingReader) -> JSONSetting? {
        if let elements = node.elements {
            let values = elements.map { read($0, with: &reader) }
            guard !values.contains(nil) else { return nil }
            let found = values.compactMap(\.self)
            return JSONSetting(
                .array(found.map(\.value)), json: "[\(found.map(\.json).joined(separator: ","))]")
        }
        if let entries = node.entries {
            var object: [String: JSONValue] = [:]
            var text = JSONText()
            for entry in entries {
                guard let value = read(entry.value, with: &reader) else { return nil }
                object[entry.name] = value.value
                text.add(entry.name, raw: value.json)
            }
            return JSONSetting(.object(object), json: text.finished)
        }
        // What it means is up to who gets it: a program, a model, a template of another kind.
        reader.examined.insert(node.range)
        if node.isNull { return JSONSetting(.null) }
        return JSONValue.read(node, with: &reader).map(JSONSetting.init)
    }
}
