import Pipeline

/// What the catalog says of one stage or resource.
struct CatalogEntry {
    let summary: String
    /// What kind of resource it is; `nil` for a stage.
    let kind: String?
    /// What it needs and provides, each with its name.
    let facts: [(name: String, value: String)]
    let settings: [SettingType.Named]

    init(_ stage: any Stage.Type) {
        summary = stage.summary
        kind = nil
        let instance = stage.init()
        let needs = instance.requires.map(\.name).joined(separator: ", ")
        let gives = instance.provides.map(\.name).joined(separator: ", ")
        facts = [("Needs", needs), ("Provides", gives)].filter { !$0.1.isEmpty }
        settings = stage.settings
    }

    init(_ resource: any Resource.Type) {
        summary = resource.summary
        kind = resource.kind
        facts = []
        settings = resource.settings
    }
}

/// Pipeline files for the pages of stages and resources: the catalog knows only declarations.
package struct CatalogExamples: Sendable {
    let text: @Sendable (String) -> String?
    let besides: @Sendable (String) -> (path: String, text: String)?

    /// None.
    package init() {
        self.init(text: { _ in nil }, besides: { _ in nil })
    }

    /// Examples by name, and the files that they name.
    package init(
        text: @escaping @Sendable (String) -> String?,
        besides: @escaping @Sendable (String) -> (path: String, text: String)?
    ) {
        self.text = text
        self.besides = besides
    }
}

extension SettingType.Named {
    /// The type and the range, for a line of its own: a group's settings follow below it.
    var typeWords: String {
        let words =
            switch type {
            case .group: "settings of its own"
            case .list(.group): "list, each with settings of its own"
            default: type.description
            }
        func number(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : String(value) }
        switch (bounds.lower.map(number), bounds.upper.map(number)) {
        case (let lower?, let upper?): return "\(words) from \(lower) to \(upper)"
        case (let lower?, nil): return "\(words), \(lower) or more"
        case (nil, let upper?): return "\(words), \(upper) or less"
        case (nil, nil): return words
        }
    }
}
