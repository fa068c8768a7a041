public import Pipeline

/// What a call sends: JSON with fields in its texts, or a text.
public struct BodyTemplate: Sendable, SettingValue {
    private indirect enum Part: Sendable {
        case value(JSONValue)
        case template(MessageTemplate)
        case list([Part])
        case object([(key: String, value: Part)])
    }

    private let root: Part

    let requires: Fields

    /// Anything.
    public static var settingType: SettingType { .other("JSON or text with fields such as {{prompt}}") }

    /// Any value; its texts are templates.
    public static func read(_ node: Node, with reader: inout SettingReader) -> BodyTemplate? {
        var requires: Fields = []
        return part(node, &requires, with: &reader).map { BodyTemplate(root: $0, requires: requires) }
    }

    private static func part(
        _ node: Node, _ requires: inout Fields, with reader: inout SettingReader
    ) -> Part? {
        if let elements = node.elements {
            let parts = elements.compactMap { part($0, &requires, with: &reader) }
            return parts.count == elements.count ? .list(parts) : nil
        }
        if let entries = node.entries {
            let parts = entries.compactMap { entry in
                part(entry.value, &requires, with: &reader).map { (key: entry.key.scalar?.text ?? "", value: $0) }
            }
            return parts.count == entries.count ? .object(parts) : nil
        }
        guard case .string? = node.scalar?.value else {
            return JSONSetting.read(node, with: &reader).map { .value($0.value) }
        }
        guard let template = MessageTemplate.read(node, with: &reader) else { return nil }
        requires.formUnion(template.requires)
        return .template(template)
    }

    var contentType: String {
        if case .template = root { "text/plain; charset=utf-8" } else { "application/json" }
    }

    /// The body for a message. A text that is a field alone becomes what the field is: a number stays one.
    func text(for message: Message) -> String {
        if case .template(let template) = root { return template.text(for: message) }
        return json(root, for: message).json
    }

    private func json(_ part: Part, for message: Message) -> JSONValue {
        switch part {
        case .value(let value): value
        case .template(let template): template.value(for: message)
        case .list(let parts): .array(parts.map { json($0, for: message) })
        case .object(let entries):
            .object(Dictionary(entries.map { ($0.key, json($0.value, for: message)) }) { first, _ in first })
        }
    }
}

extension BodyTemplate: CustomStringConvertible, CustomReflectable {
    /// The names of its fields: what is sent may hold the values of variables, such as keys.
    public var description: String { "<body of \(requires.map(\.name).joined(separator: ", "))>" }

    /// Shows no value either.
    public var customMirror: Mirror { Mirror(self, children: ["fields": requires.map(\.name)]) }
}
