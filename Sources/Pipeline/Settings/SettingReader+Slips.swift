/// What a value says that can be read and is probably not meant: it would be found only when the host runs.
extension SettingReader {
    /// Looks at the value of an entry that was read without an error.
    mutating func lookForSlips(in entry: Node.Entry, of type: SettingType) {
        // Those of 'exec' are for a program that may have templates of its own.
        if !looksForSlips || entry.name == "settings" { return }
        look(at: entry.value, isSecret: type.isSecret)
    }

    private mutating func look(at node: Node, isSecret: Bool) {
        switch node.content {
        case .sequence(let elements): for element in elements { look(at: element, isSecret: isSecret) }
        case .mapping(let entries): for entry in entries { look(at: entry.value, isSecret: isSecret) }
        case .scalar(let scalar):
            guard scalar.written.utf8.count < 10_000, examined.insert(node.range).inserted else { return }
            look(at: scalar, node.range, isSecret: isSecret, isTemplate: templates.contains(node.range))
        }
    }

    private mutating func look(at scalar: Scalar, _ range: SourceRange, isSecret: Bool, isTemplate: Bool) {
        let text = scalar.written
        if !scalar.isInterpolated, let variable = variable(in: text, isSecret: isSecret, isTemplate: isTemplate) {
            diagnostics.warning(
                .literalVariable, at: range,
                "'\(variable.written)' stands for itself in \(subject): a variable is written \"${\(variable.name)}\"")
        } else if isTemplate {
            if let name = Self.fieldInSingleBraces(text) {
                diagnostics.warning(
                    .literalTemplate, at: range,
                    "'{\(name)}' stands for itself in \(subject): a field of the message is written '{{\(name)}}'")
            }
        } else if text.contains("{{"), let end = text.firstRange(of: "}}"), let start = text.firstRange(of: "{{"),
            start.upperBound <= end.lowerBound
        {
            let inner = text[start.upperBound..<end.lowerBound].trimmedSpaces
            diagnostics.warning(
                .literalTemplate, at: range,
                "'\(text[start.lowerBound..<end.upperBound])' stands for itself in \(subject), which takes no fields of "
                    + "the message"
                    + (inner.contains { $0.isLowercase } ? "" : "; a variable is written \"${\(inner)}\""))
        } else if text.hasPrefix("~/"), !isSecret {
            diagnostics.warning(
                .literalVariable, at: range,
                "'~' stands for itself in \(subject): write \"${HOME}\(text.dropFirst())\"")
        } else if scalar.style == .plain {
            lookAtPlain(text, range)
        }
    }

    private mutating func lookAtPlain(_ text: String, _ range: SourceRange) {
        if let inner = text.withoutTypographicQuotes {
            diagnostics.warning(
                .literalQuotes, at: range,
                "the quotes of \(subject) are typographic, and part of the text: write \"\(inner)\"")
        } else if let last = text.last, last == "," || last == ";", !text.contains(" ") {
            diagnostics.warning(
                .literalQuotes, at: range,
                "the '\(last)' is part of the text of \(subject): write \(text.dropLast())")
        }
    }

    /// A variable in the text as other programs write it. Nothing else of the text is shown: it may be a secret.
    private func variable(
        in text: String, isSecret: Bool, isTemplate: Bool
    ) -> (written: String, name: String)? {
        if let whole = ForeignVariable(in: text) {
            // Templates have fields in such braces, and what is missing there is an error of the wiring.
            if isTemplate, text.contains("{{") { return nil }
            return whole.isCertain || isSecret ? (text, whole.name) : nil
        }
        // `Bearer $TOKEN`, `$HOME/data.db`.
        let separators: Set<Character> = isSecret || subject.contains("headers") ? [" ", "/", ":"] : ["/"]
        guard !isTemplate || subject.contains("headers"), let start = text.firstIndex(of: "$") else { return nil }
        let word = text[start...].prefix { !separators.contains($0) && $0 != "/" }
        let isWord = start == text.startIndex || separators.contains(text[text.index(before: start)])
        guard isWord, word.count > 3, let variable = ForeignVariable(in: String(word)), variable.isCertain else {
            return nil
        }
        return (String(word), variable.name)
    }

    /// `{prompt}`, as Python's texts have fields.
    private static func fieldInSingleBraces(_ text: String) -> String? {
        let bare = text.replacing("{{", with: "").replacing("}}", with: "")
        return (FieldPath.builtIn + ["error.message"]).first { bare.contains("{\($0)}") }
    }
}

extension DiagnosticCode {
    /// A variable as other programs write it, which stands for itself.
    static let literalVariable = DiagnosticCode(rawValue: "literal_variable")
    /// A field of the message where none is put in.
    static let literalTemplate = DiagnosticCode(rawValue: "literal_template")
    /// Quotes that are part of a text.
    static let literalQuotes = DiagnosticCode(rawValue: "literal_quotes")
}
