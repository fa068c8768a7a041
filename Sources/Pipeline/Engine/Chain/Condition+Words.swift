extension Chain.Condition {
    /// Its tests as drawings have them, one text each: `prompt starts with "/help"`. A variable of the environment is shown by
    /// its name, and a value that may be a secret not at all.
    package var words: [String] {
        clauses.map { clause in
            let name = PrintableText.escaped(clause.path.name)
            if case .present(let wanted) = clause.test { return "\(name) \(wanted ? "is present" : "is not present")" }
            let value = Chain.Condition.isPrivate(clause.path.name) ? "…" : clause.written ?? clause.test.value
            return "\(name) \(clause.test.verb) \(value)"
        }
    }

    /// A value as the file has it, without what variables stand for.
    static func shown(_ node: Node) -> String {
        if let elements = node.elements { return shortened(elements.map { shown($0) }.joined(separator: ", ")) }
        guard let scalar = node.scalar else { return "…" }
        if scalar.isInterpolated {
            let name = scalar.written.hasPrefix("${") ? scalar.written.dropFirst(2).prefix { $0 != "}" } : ""
            // A default is what another value might be.
            let isVariable = scalar.written == "${\(name)}" && !name.contains(":")
            return isVariable ? PrintableText.escaped(scalar.written) : "…"
        }
        if case .string(let text) = scalar.value { return quoted(text) }
        return shortened(scalar.text)
    }

    fileprivate static func quoted(_ text: String) -> String { "\"\(shortened(PrintableText.escaped(text)))\"" }

    /// As much of a value as a drawing has room for.
    private static func shortened(_ text: String) -> String { text.count > 32 ? text.prefix(31) + "…" : text }

    /// Whether a field is one in which clients send what nobody else is to see.
    private static func isPrivate(_ field: String) -> Bool {
        let name = field.lowercased()
        return ["authorization", "cookie", "credential", "key", "password", "passwd", "secret", "token"]
            .contains(where: name.hasSuffix)
    }
}

extension Chain.Condition.Test {
    fileprivate var verb: String {
        switch self {
        case .equals: "equals"
        case .oneOf: "is one of"
        case .matches: "matches"
        case .startsWith: "starts with"
        case .longerThan: "is longer than"
        case .present: ""
        }
    }

    /// The value of a test that was written in Swift.
    fileprivate var value: String {
        switch self {
        case .equals(let value): Chain.Condition.shown(value)
        case .oneOf(let values): values.map { Chain.Condition.shown($0) }.joined(separator: ", ")
        case .startsWith(let prefix): Chain.Condition.quoted(prefix)
        case .longerThan(let length): "\(length)"
        case .matches, .present: "…"
        }
    }
}

extension Chain.Condition {
    fileprivate static func shown(_ value: JSONValue) -> String {
        if case .string(let text) = value { quoted(text) } else { value.text ?? "…" }
    }
}
