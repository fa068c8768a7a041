import Pipeline

extension SettingType {
    /// The JSON Schema of the values, variables included.
    var schema: SchemaNode {
        switch self {
        case .string: .type("string")
        case .integer: .anyOf([.type("integer"), .variable])
        case .number: .anyOf([.type("number"), .variable])
        case .boolean: .anyOf([.type("boolean"), .variable])
        case .duration: quantity(#"[0-9.]+(ms|s|m|h)"#)
        case .byteSize: quantity(#"[0-9.]+(B|KiB|MiB|GiB)"#)
        case .url: .anyOf([.pattern("^[Hh][Tt][Tt][Pp][Ss]?://"), .variable])
        case .secret: .anyOf([SettingType.scalar.schema, SettingType.secretFile])
        case .scalar: .object(["type": .list(["string", "number", "boolean"].map(SchemaNode.text))])
        case .choice(let words): .anyOf([.choice(words), .variable])
        case .list(let element): .object(["type": .text("array"), "items": element.schema])
        case .dictionary(let element): .object(["type": .text("object"), "additionalProperties": element.schema])
        case .group(let settings): .group(settings)
        case .resource: .type("string")
        case .stages: .reference("stages")
        case .either(let types): .anyOf(types.map(\.schema))
        case .named(_, let type): type.schema
        case .any, .other: .anything
        }
    }

    private static let secretFile = SchemaNode.object([
        "type": .text("object"), "additionalProperties": .bool(false), "required": .list([.text("file")]),
        "properties": .object(["file": .type("string")]),
    ])

    /// A number with a unit; nothing needs none.
    private func quantity(_ pattern: String) -> SchemaNode {
        .anyOf([.pattern("^\(pattern)$"), .object(["const": .int(0)]), .variable])
    }

    /// A default as a value of the schema; `nil` where it is none of the simple kinds.
    func defaultValue(_ text: String) -> SchemaNode? {
        switch self {
        case .integer: Int(text).map(SchemaNode.int)
        case .number: Double(text).map(SchemaNode.number)
        case .boolean: Bool(text).map(SchemaNode.bool)
        case .duration, .byteSize: text == "0" ? .int(0) : .text(text)
        case .choice: .text(text)
        default: nil
        }
    }
}
