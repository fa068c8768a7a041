import Pipeline

/// A part of a JSON Schema, and the forms that schemas of settings are made of.
indirect enum SchemaNode: Sendable {
    case text(String)
    case int(Int)
    case number(Double)
    case bool(Bool)
    case list([SchemaNode])
    case object([String: SchemaNode])

    /// Takes every value.
    static let anything = SchemaNode.object([:])

    static let null = SchemaNode.type("null")

    static func type(_ name: String) -> SchemaNode { .object(["type": .text(name)]) }

    static func reference(_ definition: String) -> SchemaNode {
        .object(["$ref": .text("#/definitions/\(definition)")])
    }

    static func pattern(_ pattern: String) -> SchemaNode {
        .object(["type": .text("string"), "pattern": .text(pattern)])
    }

    static func required(_ key: String) -> SchemaNode { .object(["required": .list([.text(key)])]) }

    static func choice(_ words: [String]) -> SchemaNode { .object(["enum": .list(words.map(SchemaNode.text))]) }

    static func anyOf(_ choices: [SchemaNode]) -> SchemaNode { .object(["anyOf": .list(choices)]) }

    /// A schema with words for people. Beside `$ref` draft 7 ignores every other key, so that goes one level down.
    static func described(_ words: String, _ schema: SchemaNode) -> SchemaNode {
        guard case .object(var keys) = schema, keys["$ref"] == nil else {
            return .object(["description": .text(words), "allOf": .list([schema])])
        }
        keys["description"] = .text(words)
        return .object(keys)
    }

    /// A mapping with these settings.
    static func group(_ settings: [SettingType.Named]) -> SchemaNode {
        var keys: [String: SchemaNode] = ["type": .text("object"), "additionalProperties": .bool(false)]
        keys["properties"] = .object(
            Dictionary(settings.map { ($0.name, property($0)) }) { first, _ in first })
        let required = settings.filter(\.isRequired).map { SchemaNode.text($0.name) }
        if !required.isEmpty { keys["required"] = .list(required) }
        return .object(keys)
    }

    /// The settings of a stage or resource: a mapping, or nothing where none is required.
    static func settings(_ settings: [SettingType.Named]) -> SchemaNode {
        guard case .object(var keys) = group(settings) else { return .anything }
        if !settings.contains(where: \.isRequired) { keys["type"] = .list([.text("object"), .text("null")]) }
        return .object(keys)
    }

    private static func property(_ setting: SettingType.Named) -> SchemaNode {
        let schema = setting.mayBeNull ? SchemaNode.anyOf([bounded(setting), .null]) : bounded(setting)
        let standard = setting.defaultText.map { $0.isEmpty ? "" : " Default: \($0)." } ?? ""
        guard case .object(var keys) = described(setting.help + standard, schema) else { return schema }
        if let text = setting.defaultText, let value = setting.type.defaultValue(text) { keys["default"] = value }
        return .object(keys)
    }

    /// A number with its range; other ranges (durations, sizes) can't be said.
    private static func bounded(_ setting: SettingType.Named) -> SchemaNode {
        let bounds = setting.bounds
        guard bounds.lower != nil || bounds.upper != nil else { return setting.type.schema }
        var keys: [String: SchemaNode] = [:]
        switch setting.type {
        case .integer: keys["type"] = .text("integer")
        case .number: keys["type"] = .text("number")
        default: return setting.type.schema
        }
        keys["minimum"] = bounds.lower.map(SchemaNode.number)
        keys["maximum"] = bounds.upper.map(SchemaNode.number)
        return .anyOf([.object(keys), .variable])
    }

    /// A variable of the environment, which takes the type of its setting.
    static let variable = pattern(#"(^|[^$])\$\{"#)
}
