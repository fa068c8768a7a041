/// Text with a message's fields in it: `Answer {{session.username}} in French: {{prompt}}`.
///
/// Fields are named as in `when`; one that a message doesn't have leaves nothing. `${…}` is always the environment.
public struct MessageTemplate: Sendable {
    private enum Part: Sendable {
        case text(String)
        case field(FieldPath)
    }

    private let parts: [Part]

    /// The template as it is written.
    public let settingText: String?

    /// A template.
    ///
    /// - Throws: ``Problem`` where a brace is not closed or stands around no name.
    public init(_ text: String) throws(Problem) {
        var parts: [Part] = []
        // By scalars: a mark behind a brace is no part of it.
        var rest = text.unicodeScalars[...]
        while let open = rest.firstRange(of: "{{".unicodeScalars) {
            guard let close = rest[open.upperBound...].firstRange(of: "}}".unicodeScalars) else {
                throw Problem("has '{{' without '}}'")
            }
            let name = rest[open.upperBound..<close.lowerBound].filter { !$0.properties.isWhitespace }
            guard !name.isEmpty, !name.contains("{") else {
                throw Problem("has no field's name between '{{' and '}}'")
            }
            if open.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<open.lowerBound]))) }
            parts.append(.field(FieldPath(String(String.UnicodeScalarView(name)))))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
        settingText = text
    }

    /// What is wrong with a template, as it stands after its name.
    public struct Problem: Error, CustomStringConvertible {
        /// Such as "has '{{' without '}}'".
        public let description: String

        package init(_ description: String) {
            self.description = description
        }
    }

    /// The fields that an earlier stage must provide.
    public var requires: Fields {
        Fields(
            parts.compactMap { part in
                if case .field(let path) = part { path.field } else { nil }
            })
    }

    /// The names of its fields, in order.
    var fieldNames: [String] {
        parts.compactMap { part in
            if case .field(let path) = part { path.name } else { nil }
        }
    }

    /// The text before its first field.
    package var fixedStart: String {
        if case .text(let text)? = parts.first { text } else { "" }
    }

    /// The text for a message.
    public func text(for message: Message) -> String {
        text(for: message) { $0 }
    }

    /// The text for a message, with the fields' values as `written` writes them.
    ///
    /// - Parameter fixed: Told of the parts between them, in order.
    package func text(
        for message: Message, fixed: (String) -> Void = { _ in }, _ written: (String) -> String
    ) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let part):
                fixed(part)
                text += part
            case .field(let path): text += written(path.value(in: message)?.text ?? "")
            }
        }
        return text
    }

    /// The text for a message; the value itself where the template is one field and nothing else.
    package func value(for message: Message) -> JSONValue {
        if parts.count == 1, case .field(let path) = parts[0] { return path.value(in: message) ?? .null }
        return .string(text(for: message))
    }
}

extension MessageTemplate: CustomStringConvertible, CustomReflectable {
    /// The names of its fields: its text may hold the values of variables, such as keys.
    public var description: String { "<template of \(fieldNames.joined(separator: ", "))>" }

    /// Shows no text either.
    public var customMirror: Mirror { Mirror(self, children: ["fields": fieldNames]) }
}
