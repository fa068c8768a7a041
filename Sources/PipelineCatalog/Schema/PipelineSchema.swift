package import Pipeline

/// The JSON Schema (draft 7) of pipeline files, made from the declarations of stages and resources, for editors.
///
/// It knows the structure: keys, types, ranges. What only the whole file shows (the order of stages, resources by kind,
/// variables) is left to `check`.
package struct PipelineSchema: Sendable {
    private let registry: Registry
    private let sections: [String: any SettingGroup.Type]
    private let tests: SettingType?

    /// The schema of files with these stages and resources.
    ///
    /// - Parameters:
    ///   - registry: The stages and resources.
    ///   - sections: Top-level keys that belong to others, such as `host`, and the settings they have.
    ///   - tests: What stands under `tests`; `nil` where files have none.
    package init(
        _ registry: Registry, sections: [String: any SettingGroup.Type] = [:], tests: SettingType? = nil
    ) {
        self.registry = registry
        self.sections = sections
        self.tests = tests
    }

    /// The schema as a JSON document, the same for the same declarations.
    package var json: String { SchemaText.text(of: document) }

    private var document: SchemaNode {
        var properties: [String: SchemaNode] = [
            "pipeline": .described("Its name, without spaces.", .pattern(#"^\S+$"#)),
            "description": .described("A sentence about it.", SettingType.string.schema),
            "resources": .described("What stages share: NAME: {TYPE: {settings}}.", resources),
            "stages": .described("The stages, one after the other, for every message.", .reference("stages")),
        ]
        if let tests {
            properties["tests"] = .described("Conversations that 'test' has with it.", .anyOf([tests.schema, .null]))
        }
        for (key, type) in sections {
            properties[key] = .anyOf([.group(type.settings), .null])
        }
        return .object([
            "$schema": .text("http://json-schema.org/draft-07/schema#"),
            "title": .text("Stagecoach pipeline"),
            "type": .text("object"),
            "required": .list([.text("pipeline"), .text("stages")]),
            "additionalProperties": .bool(false),
            "properties": .object(properties),
            "definitions": .object(definitions),
        ])
    }

    private var resources: SchemaNode {
        .object([
            "type": .list([.text("object"), .text("null")]),
            "additionalProperties": .reference("resource"),
        ])
    }

    /// Stages that hold stages refer to `stages`, so that every list of stages is described once.
    private var definitions: [String: SchemaNode] {
        var definitions: [String: SchemaNode] = [
            "stages": .object([
                "type": .text("array"), "minItems": .int(1), "items": .reference("stage"),
            ]),
            "stage": entry(
                of: registry.stages.mapValues { ($0.summary, $0.settings) }, prefix: "stage",
                beside: modifiers.merging(shortForms.properties) { first, _ in first }, rules: shortForms.rules),
            "resource": entry(
                of: registry.resources.mapValues { type in
                    ("\(type.kind): \(type.summary)", type.settings)
                }, prefix: "resource"),
        ]
        for (name, stage) in registry.stages {
            definitions["stage.\(name)"] = ShortForms.schema(of: stage)
        }
        for (name, resource) in registry.resources {
            definitions["resource.\(name)"] = .settings(resource.settings)
        }
        return definitions
    }

    /// A name alone, or a mapping of exactly one name to its settings, and of what may stand beside it.
    private func entry(
        of all: [String: (summary: String, settings: [SettingType.Named])], prefix: String,
        beside others: [String: SchemaNode] = [:], rules: [String: SchemaNode] = [:]
    ) -> SchemaNode {
        let names = all.keys.sorted()
        let bare = names.filter { all[$0]?.settings.contains(where: \.isRequired) == false }
        var properties = others
        for (name, entry) in all {
            properties[name] = .described(entry.summary, .reference("\(prefix).\(name)"))
        }
        let mapping: [String: SchemaNode] = [
            "type": .text("object"),
            "additionalProperties": .bool(false),
            "properties": .object(properties),
            "oneOf": .list(names.map { .required($0) }),
        ]
        return .anyOf([.choice(bare), .object(mapping.merging(rules) { first, _ in first })])
    }

    private var shortForms: ShortForms { ShortForms(registry.stages) }

    private var modifiers: [String: SchemaNode] {
        [
            "label": .described("Its name in logs, metrics and graphs.", SettingType.string.schema),
            "async": .described(
                "Hands the message to a queue; the next stage starts at once.",
                .anyOf([SettingType.boolean.schema, .group(Chain.AsyncPolicy.settings)])),
            "timeout": .described("The deadline of one run.", SettingType.duration.schema),
            "retry": .described("Runs again after errors that may pass.", .group(Chain.RetryPolicy.settings)),
            "when": .described("Only for messages for which every test holds.", Chain.Condition.schema),
            "on_error": .described(
                "After an error: the client gets it, it is logged and the message goes on, or other stages run.",
                .anyOf([.choice(["stop", "continue"]), Self.stagesOrNone])),
        ]
    }

    /// `on_error: []` is a list as well.
    private static let stagesOrNone = SchemaNode.object([
        "type": .text("array"), "items": .reference("stage"),
    ])
}

extension Chain.Condition {
    /// A mapping of fields to their tests.
    fileprivate static var schema: SchemaNode {
        let scalar = SettingType.scalar.schema
        let tests: [String: SchemaNode] = [
            "equals": .described("It is that value.", scalar),
            "one_of": .described("It is one of those values.", SettingType.list(.scalar).schema),
            "matches": .described("The regular expression is found in it.", SettingType.string.schema),
            "starts_with": .described("It begins so.", SettingType.string.schema),
            "longer_than": .described("It has more Unicode scalars.", SettingType.integer.schema),
            "present": .described("Whether it is there.", SettingType.boolean.schema),
        ]
        return .object([
            "type": .text("object"),
            "minProperties": .int(1),
            "additionalProperties": .object([
                "type": .text("object"),
                "minProperties": .int(1),
                "additionalProperties": .bool(false),
                "properties": .object(tests),
            ]),
        ])
    }
}
