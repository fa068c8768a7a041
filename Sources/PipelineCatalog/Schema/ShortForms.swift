import Pipeline

/// What the schema says of stages that are written shorter than as a mapping of their settings.
struct ShortForms {
    /// Settings that stand beside a stage.
    private(set) var properties: [String: SchemaNode] = [:]

    /// Beside which stage they stand, and which stages need them.
    var rules: [String: SchemaNode] {
        ["dependencies": .object(owners.mapValues { .list([.text($0)]) }), "allOf": .list(needs)]
    }

    private var owners: [String: String] = [:]
    private var needs: [SchemaNode] = []

    init(_ stages: [String: any Stage.Type]) {
        for (name, stage) in stages.sorted(by: { $0.key < $1.key }) {
            for setting in Self.settingsBeside(stage) {
                properties[setting.name] = .described(setting.help, setting.type.schema)
                owners[setting.name] = name
                if setting.isRequired { needs.append(Self.need(of: setting.name, in: name)) }
            }
        }
    }

    /// The settings of a stage: one of them may stand right behind the stage's name.
    static func schema(of stage: any Stage.Type) -> SchemaNode {
        let settings = stage.settings
        guard let short = stage as? any AbbreviatedStage.Type,
            let main = settings.first(where: { $0.name == short.mainSetting })
        else { return .settings(settings) }
        // A mapping behind the name is then always that of the setting.
        if case .dictionary = main.type { return .filled(main.type.schema) }
        let beside = Set(settingsBeside(stage).map(\.name))
        let written = settings.map { beside.contains($0.name) ? $0.optional : $0 }
        return .anyOf([main.type.schema, .settings(written)])
    }

    private static func settingsBeside(_ stage: any Stage.Type) -> [SettingType.Named] {
        let names = (stage as? any AbbreviatedStage.Type)?.settingsBeside ?? []
        return stage.settings.filter { names.contains($0.name) }
    }

    /// Where a stage is there its setting is, too: beside it, or among its settings.
    private static func need(of setting: String, in stage: String) -> SchemaNode {
        let inside = SchemaNode.object(["type": .text("object"), "required": .list([.text(setting)])])
        return .object([
            "if": .required(stage),
            "then": .anyOf([.required(setting), .object(["properties": .object([stage: inside])])]),
        ])
    }
}

extension SettingType.Named {
    fileprivate var optional: SettingType.Named {
        var copy = SettingType.Named(
            name: name, type: type, help: help, defaultText: defaultText, isRequired: false)
        (copy.bounds, copy.mayBeNull) = (bounds, mayBeNull)
        return copy
    }
}

extension SchemaNode {
    /// A mapping that is not empty.
    fileprivate static func filled(_ schema: SchemaNode) -> SchemaNode {
        guard case .object(var keys) = schema else { return schema }
        keys["minProperties"] = .int(1)
        return .object(keys)
    }
}
