/// What stages and resources there are, in words, made from their declarations.
public struct Catalog: Sendable {
    private let registry: Registry

    /// The catalog of a registry.
    public init(_ registry: Registry) {
        self.registry = registry
    }

    /// Every stage and resource by name.
    public var names: [String] {
        registry.stages.keys.sorted() + registry.resources.keys.sorted()
    }

    /// A line for every stage and resource.
    public var overview: String {
        let stages = registry.stages.sorted { $0.key < $1.key }.map { ($0.key, $0.value.summary) }
        let resources = registry.resources.sorted { $0.key < $1.key }.map { pair in
            (pair.key, "\(ResourceKind.words(forResource: pair.value)): \(pair.value.summary)")
        }
        let width = names.map(\.count).max() ?? 0
        func lines(_ entries: [(String, String)]) -> [String] {
            entries.map { "  \($0.0.padded(to: width))  \($0.1)" }
        }
        let modifiers = Modifiers.names.joined(separator: ", ")
        return
            (["Stages:"] + lines(stages) + ["", "Resources:"] + lines(resources) + [
                "", "Every stage also takes the modifiers \(modifiers), written beside it.",
                "'stages NAME' prints the settings of one.",
            ]).joined(separator: "\n")
    }

    /// All about one stage or resource, with something to copy; `nil` where there is none of that name.
    public func page(_ name: String) -> String? {
        if let stage = registry.stages[name] {
            return page(
                title: "stage \(name)", summary: stage.summary, facts: facts(of: stage.init()),
                settings: stage.settings,
                example: (stage as? any AbbreviatedStage.Type)?.example ?? "  - \(name)\(example(stage.settings))")
        }
        if let resource = registry.resources[name] {
            let kind = ResourceKind.words(forResource: resource)
            return page(
                title: "resource \(name) (\(kind))", summary: resource.summary, facts: [],
                settings: resource.settings, example: "  my_\(kind):\n    \(name): {\(pairs(resource.settings))}")
        }
        return nil
    }

    private func page(
        title: String, summary: String, facts: [String], settings: [SettingDescription], example: String
    ) -> String {
        var lines = [title] + ([summary] + facts).filter { !$0.isEmpty }.map { "  \($0)" } + [""]
        lines += settings.isEmpty ? ["No settings."] : ["Settings:"]
        append(settings, indentation: "  ", to: &lines)
        lines += ["", "Example:", example]
        return lines.joined(separator: "\n")
    }

    private func append(_ settings: [SettingDescription], indentation: String, to lines: inout [String]) {
        for setting in settings {
            let value =
                setting.isRequired
                ? "required" : setting.defaultText.map { "default \($0)" } ?? "may be left out"
            lines.append("\(indentation)\(setting.name): \(setting.type.shortText)  (\(value))")
            lines.append("\(indentation)    \(setting.help)")
            switch setting.type {
            case .group(let inner), .list(.group(let inner)):
                append(inner, indentation: indentation + "    ", to: &lines)
            default: break
            }
        }
    }

    private func facts(of stage: some Stage) -> [String] {
        let needs = stage.requires.map(\.name).joined(separator: ", ")
        let gives = stage.provides.map(\.name).joined(separator: ", ")
        return (needs.isEmpty ? [] : ["Needs: \(needs)"]) + (gives.isEmpty ? [] : ["Provides: \(gives)"])
    }

    private func example(_ settings: [SettingDescription]) -> String {
        let text = pairs(settings)
        return text.isEmpty ? "" : ": {\(text)}"
    }

    private func pairs(_ settings: [SettingDescription]) -> String {
        settings.compactMap { setting in
            if setting.isRequired { return "\(setting.name): …" }
            if case .group = setting.type { return nil }
            return setting.defaultText.map { "\(setting.name): \($0)" }
        }.joined(separator: ", ")
    }
}

extension SettingType {
    /// The type for a line of its own: a group's settings follow below it.
    fileprivate var shortText: String {
        switch self {
        case .group: "settings of its own"
        case .list(.group): "list, each with settings of its own"
        default: description
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
