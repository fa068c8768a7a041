/// Any value of a pipeline file, lists and mappings included, as JSON has it.
public struct JSONSetting: SettingValue, Hashable {
    /// The value.
    public let value: JSONValue

    /// A value.
    public init(_ value: JSONValue) {
        self.value = value
    }

    /// Anything.
    public static var settingType: SettingType { .any }

    /// Scalars of YAML's core schema, lists and mappings.
    public static func read(_ node: Node, with reader: inout SettingReader) -> JSONSetting? {
        if let elements = node.elements {
            let values = elements.map { read($0, with: &reader)?.value }
            return values.contains(nil) ? nil : JSONSetting(.array(values.compactMap(\.self)))
        }
        if let entries = node.entries {
            var object: [String: JSONValue] = [:]
            for entry in entries {
                guard let value = read(entry.value, with: &reader) else { return nil }
                object[entry.name] = value.value
            }
            return JSONSetting(.object(object))
        }
        if node.isNull { return JSONSetting(.null) }
        return JSONValue.read(node, with: &reader).map(JSONSetting.init)
    }
}
