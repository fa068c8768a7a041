import Pipeline

/// The types that a setting may have: what a stage's or resource's author writes, and what pipeline files then have.
struct SettingTypeTable {
    /// One type.
    struct Row: Sendable {
        /// The type as it is written in Swift.
        let swift: String
        /// The type, or one like it.
        let type: any SettingValue.Type
        /// A value in a pipeline file.
        let example: String
        /// What else is to be known.
        let note: String

        init(_ swift: String, _ type: any SettingValue.Type, _ example: String, _ note: String = "") {
            (self.swift, self.type, self.example, self.note) = (swift, type, example, note)
        }
    }

    /// All of them.
    static let rows = [
        Row("String", String.self, "hello", "Text; what YAML takes for a number is put in quotes: `\"30\"`."),
        Row("Int", Int.self, "3", "`in: 0...10` bounds it."),
        Row("Double", Double.self, "0.5", "`in:` bounds it."),
        Row("Bool", Bool.self, "true", "`yes` and `on` are strings."),
        Row("Duration", Duration.self, "30s", "`ms`, `s`, `m` or `h`; a plain number is an error. `in:` bounds it."),
        Row(
            "ByteSize", ByteSize.self, "64KiB",
            "`B`, `KiB`, `MiB` or `GiB`; a plain number is an error. `in:` bounds it."),
        Row("WebURL", WebURL.self, "https://api.example.com/v1", "`http` or `https`."),
        Row(
            "Secret", Secret.self, "\"${API_KEY}\"",
            "Or `{file: PATH}`. Never printed: descriptions and errors don't have it, `revealed` does."),
        Row(
            "MessageTemplate", MessageTemplate.self, "\"In French: {{prompt}}\"",
            "`text(for: message)` fills it in; `requires` are its fields."),
        Row("JSONSetting", JSONSetting.self, "{any: [value, 1, null]}", "`value` and, in the file's order, `json`."),
        Row(
            "enum Mood: String, CaseIterable, SettingValue", Chain.AsyncPolicy.WhenFull.self, "wait",
            "One of its cases' raw values."),
        Row("[String], [Int] …", [String].self, "[one, two]", "A list of any of these types."),
        Row(
            "[String: Int] …", [String: Int].self, "{one: 1, two: 2}",
            "A mapping from any names to any of these types."),
        Row("String?, Int? …", String?.self, "null", "May be left out; needs no default."),
        Row(
            "struct Limits: SettingGroup", Chain.RetryPolicy.self, "{attempts: 3, backoff: 1s}",
            "A mapping with settings of its own, each a `@Setting`."),
        Row(
            "Chain.StageList", Chain.StageList.self, "[log]",
            "Stages, which the stages that hold others have."),
        Row(
            "@Uses var model: any Model", String.self, "cheap",
            "The name of a model; found by its kind where there is one."),
        Row("@Uses var rows: any RowStore", String.self, "archive", "The name of a database."),
        Row(
            "@Uses var places: any Places", String.self, "hall",
            "The name of a resource of a kind of your own: a protocol `Places: Resource`."),
    ]

    /// As a table of a document.
    static var markdown: [String] {
        [
            "| in Swift | in a pipeline file | called | |", "| --- | --- | --- | --- |",
        ]
            + rows.map { row in
                let words = row.swift.hasPrefix("@Uses") ? "name of a resource" : words(row.type.settingType)
                return "| `\(row.swift)` | `\(row.example)` | \(words) | \(row.note) |".replacing("||", with: "| |")
            }
    }

    private static func words(_ type: SettingType) -> String {
        if case .group = type { "settings of its own" } else { type.description }
    }
}
