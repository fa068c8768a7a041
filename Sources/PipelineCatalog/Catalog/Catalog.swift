package import Pipeline

/// What stages and resources there are, in words, made from their declarations.
package struct Catalog: Sendable {
    let registry: Registry
    let examples: CatalogExamples

    /// The catalog of a registry.
    package init(_ registry: Registry, examples: CatalogExamples = CatalogExamples()) {
        self.registry = registry
        self.examples = examples
    }

    /// Every stage, resource and modifier by name.
    package var names: [String] {
        registry.stages.keys.sorted() + registry.resources.keys.sorted() + PipelineWords.modifiers
    }

    /// A line for every stage and resource.
    package var overview: String {
        let stages = registry.stages.sorted { $0.key < $1.key }.map { ($0.key, $0.value.summary) }
        let resources = registry.resources.sorted { $0.key < $1.key }.map { pair in
            (pair.key, "\(pair.value.kind): \(pair.value.summary)")
        }
        let width = names.map(\.count).max() ?? 0
        func lines(_ entries: [(String, String)]) -> [String] {
            entries.map { "  \($0.0.padded(to: width))  \($0.1)" }
        }
        let modifiers = PipelineWords.modifiers.joined(separator: ", ")
        return
            (["Stages:"] + lines(stages) + ["", "Resources:"] + lines(resources) + [
                "", "Every stage also takes the modifiers \(modifiers), written beside it.",
                "'stages NAME' prints the settings of one; so it does for a modifier, and for 'host'.",
            ]).joined(separator: "\n")
    }

    /// All about one stage, resource, modifier or section, with something to copy; `nil` where there is none of that name.
    ///
    /// - Parameters:
    ///   - name: What the file calls it.
    ///   - sections: Top-level keys that belong to others, such as `host`, and the settings they have.
    package func page(_ name: String, sections: [String: any SettingGroup.Type] = [:]) -> String? {
        guard let entry = entry(name) else { return modifierPage(name) ?? sections[name].map { sectionPage(name, $0) } }
        var lines = ["\(entry.kind == nil ? "stage" : "resource") \(name)" + (entry.kind.map { " (\($0))" } ?? "")]
        lines += ([entry.summary] + entry.facts.map { "\($0): \($1)" }).filter { !$0.isEmpty }.map { "  \($0)" } + [""]
        lines += entry.settings.isEmpty ? ["No settings."] : ["Settings:"]
        append(entry.settings, indentation: "  ", to: &lines)
        if let example = examples.text(name) { lines += ["", "Example, a whole file:", "", example] }
        if let other = examples.besides(name) { lines += ["", "And \(other.path), which it names:", "", other.text] }
        return lines.joined(separator: "\n")
    }

    private func sectionPage(_ name: String, _ section: any SettingGroup.Type) -> String {
        var lines = [
            "section \(name)", "  Stands beside 'stages', once for all files that are served together.", "",
            "Settings:",
        ]
        append(section.settings, indentation: "  ", to: &lines)
        return lines.joined(separator: "\n")
    }

    private func modifierPage(_ name: String) -> String? {
        guard let modifier = ModifierHelp.all[name] else { return nil }
        var lines = [
            "modifier \(name)", "  \(modifier.text)", "  It stands beside a stage, indented as the stage's name is.",
            "",
        ]
        if !modifier.settings.isEmpty {
            lines.append("Settings:")
            append(modifier.settings, indentation: "  ", to: &lines)
            lines.append("")
        }
        return (lines + ["Example:", "", modifier.example]).joined(separator: "\n")
    }

    func entry(_ name: String) -> CatalogEntry? {
        registry.stages[name].map { CatalogEntry($0) } ?? registry.resources[name].map { CatalogEntry($0) }
    }

    private func append(_ settings: [SettingType.Named], indentation: String, to lines: inout [String]) {
        for setting in settings {
            let standard = setting.defaultText.flatMap { $0.isEmpty ? nil : "default \($0)" }
            let value = setting.isRequired ? "required" : standard ?? "may be left out"
            lines.append("\(indentation)\(setting.name): \(setting.typeWords)  (\(value))")
            lines.append("\(indentation)    \(setting.help)")
            switch setting.type {
            case .group(let inner), .list(.group(let inner)):
                append(inner, indentation: indentation + "    ", to: &lines)
            default: break
            }
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
