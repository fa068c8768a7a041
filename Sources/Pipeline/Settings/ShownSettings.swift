/// A setting as operators see it: without secrets, and with variables by their names.
package struct ShownSetting: Sendable {
    /// The key.
    package let name: String
    /// Its value as a pipeline file would have it.
    package let value: String
    /// Whether the file says it; otherwise it is the default.
    package let isWritten: Bool
}

extension StepRunner {
    /// The settings of the stage, and the modifiers beside it. What the file says comes first, in its order; a value that is
    /// or may be a secret is not shown.
    package var shownSettings: [ShownSetting] { ShownSettings(of: stage, written: source).all }
}

private struct ShownSettings {
    private(set) var all: [ShownSetting] = []
    private let redact: Redaction

    /// - Parameter node: The stage's entry in the file; `nil` in a chain written in Swift.
    init(of stage: any Stage, written node: Node?) {
        redact = Redaction(Secret.all(in: stage))
        // What 'use' stands for has the stage's own entry first.
        let entry = node?.elements?.first ?? node
        for part in entry?.entries ?? [] {
            if part.name == type(of: stage).name, let inner = part.value.entries {
                for setting in inner { add(setting.name, setting.value) }
            } else if !part.value.isNull {
                add(part.name, part.value)
            }
        }
        addDefaults(of: stage)
    }

    private mutating func add(_ name: String, _ value: Node) {
        // Stages inside are drawn, each with settings of its own.
        let holdsStages = ["stages", "cases", "catch", "try", "otherwise", "on_error"].contains(name)
        let text = holdsStages && value.scalar == nil ? "…" : ShownValue.text(of: value, under: name)
        all.append(ShownSetting(name: name, value: redact(text), isWritten: true))
    }

    private mutating func addDefaults(of stage: some Stage) {
        let written = Set(all.map(\.name))
        for property in Property.all(of: stage) where !written.contains(property.key) {
            let text: String? =
                switch property.declaration {
                case .setting(let setting): ShownValue.text(ofDefault: setting, named: property.key)
                case .use(let use): use.names.isEmpty ? nil : use.names.joined(separator: ", ")
                case .inlined, nil: nil
                }
            if let text { all.append(ShownSetting(name: property.key, value: redact(text), isWritten: false)) }
        }
    }
}

/// How a value is shown, where any part of it may be what nobody is to see.
private enum ShownValue {
    static let hidden = "<secret>"
    /// How much of a value is shown.
    private static let longest = 400

    /// A setting that the file leaves out.
    static func text(ofDefault setting: any SettingDeclaration, named name: String) -> String? {
        if case .secret = setting.type { return nil }
        guard !isPrivate(name), let text = setting.defaultText, !text.isEmpty else { return nil }
        return shortened(text)
    }

    /// - Parameter name: The key that the value stands under.
    static func text(of node: Node, under name: String) -> String { shortened(flow(node, under: name)) }

    private static func flow(_ node: Node, under name: String) -> String {
        switch node.content {
        case .scalar: isPrivate(name) ? secret(node) : withoutPassword(node.flow)
        case .sequence(let elements): "[\(elements.map { flow($0, under: name) }.joined(separator: ", "))]"
        case .mapping(let entries):
            "{\(entries.map { "\($0.key.flow): \(flow($0.value, under: "\(name).\($0.name)"))" }.joined(separator: ", "))}"
        }
    }

    /// A variable is shown by its name, what stands in its place is not.
    private static func secret(_ node: Node) -> String {
        guard let written = node.scalar?.written, written.hasPrefix("${"), written.hasSuffix("}"),
            !written.contains(":-")
        else { return hidden }
        return written
    }

    /// Header fields and variables of programs often hold keys, whatever they are called.
    private static func isPrivate(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["headers.", "environment.", "env."].contains(where: name.contains)
            || ["key", "token", "secret", "password", "passwd", "authorization", "cookie", "credential"]
                .contains { name.hasSuffix($0) || name.hasSuffix($0 + "s") && $0 != "token" }
    }

    /// An address without what stands before its '@', and without its query.
    private static func withoutPassword(_ text: String) -> String {
        guard let scheme = text.firstRange(of: "://") else { return text }
        let (head, rest) = (text[..<scheme.upperBound], text[scheme.upperBound...].prefix { $0 != "?" })
        let query = rest.endIndex < text.endIndex ? "?…" : ""
        let authority = rest.prefix { !"/#".contains($0) }
        guard let at = authority.lastIndex(of: "@") else { return head + rest + query }
        return head + hidden + rest[at...] + query
    }

    private static func shortened(_ text: String) -> String {
        text.count > longest ? text.prefix(longest) + "…" : text
    }
}
