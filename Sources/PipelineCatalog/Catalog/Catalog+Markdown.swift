package import Pipeline

extension Catalog {
    /// Every stage and resource with its settings, and what stands beside stages, as a document.
    ///
    /// - Parameter sections: Top-level keys that belong to others, such as `host`, and the settings they have.
    package func markdown(sections: [String: any SettingGroup.Type] = [:]) -> String {
        var lines = [
            "# Reference", "",
            "Every stage and resource, made from the declarations by `stagecoach stages --format markdown`.",
            "[pipelines.md](pipelines.md) explains how they go together.", "",
            "## Stages", "",
        ]
        for name in registry.stages.keys.sorted() { lines += section(name) }
        lines += ["## Resources", ""]
        for name in registry.resources.keys.sorted() { lines += section(name) }
        lines += [
            "## Modifiers", "", "They stand beside a stage. `label`, `timeout`, `when` and `on_error` are values.", "",
        ]
        lines +=
            ["### `async`", ""] + table(Chain.AsyncPolicy.settings) + ["### `retry`", ""]
            + table(Chain.RetryPolicy.settings)
        lines += [
            "## Types of settings", "",
            "What a `@Setting` of a stage or resource in Swift may be, and what stands for it in a pipeline file. A type of your "
                + "own is one once it conforms to `SettingValue`.", "",
        ]
        lines += SettingTypeTable.markdown + [""]
        for (name, group) in sections.sorted(by: { $0.key < $1.key }) {
            lines += ["## `\(name)`", ""] + table(group.settings)
        }
        return lines.dropLast().joined(separator: "\n")
    }

    private func section(_ name: String) -> [String] {
        guard let entry = entry(name) else { return [] }
        var lines = ["### `\(name)`" + (entry.kind.map { " (\($0))" } ?? ""), ""]
        if !entry.summary.isEmpty { lines += [entry.summary, ""] }
        if !entry.facts.isEmpty {
            lines += [entry.facts.map { "\($0): `\($1)`." }.joined(separator: " "), ""]
        }
        lines += table(entry.settings)
        if let example = examples.text(name) { lines += ["```yaml", example, "```", ""] }
        if let other = examples.besides(name) {
            lines += ["with `\(other.path)`:", "", "```yaml", other.text, "```", ""]
        }
        return lines
    }

    private func table(_ settings: [SettingType.Named]) -> [String] {
        settings.isEmpty
            ? ["No settings.", ""]
            : ["| setting | type | default | |", "| --- | --- | --- | --- |"] + rows(settings, prefix: "") + [""]
    }

    private func rows(_ settings: [SettingType.Named], prefix: String) -> [String] {
        settings.flatMap { setting -> [String] in
            let standard = setting.defaultText.map { $0.isEmpty ? "" : "`\($0)`" } ?? ""
            let cells = [
                "`\(prefix)\(setting.name)`", setting.typeWords, setting.isRequired ? "required" : standard,
                setting.help,
            ]
            let row = "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
            switch setting.type {
            case .group(let inner), .list(.group(let inner)):
                return [row] + rows(inner, prefix: "\(prefix)\(setting.name).")
            default: return [row]
            }
        }
    }
}
