import Glibc

/// What a value says that can be read and is probably not meant: it would be found only when the host runs.
extension SettingReader {
    /// Looks at the value of an entry that was read without an error.
    mutating func lookForSlips(in entry: Node.Entry, of type: SettingType) {
        if !looksForSlips { return }
        look(at: entry.value, isSecret: type.isSecret)
    }

    private mutating func look(at node: Node, isSecret: Bool) {
        switch node.content {
        case .sequence(let elements): for element in elements { look(at: element, isSecret: isSecret) }
        case .mapping(let entries):
            // The path of a secret's file is none.
            let isSecret = isSecret && node.secretFile == nil
            for entry in entries { look(at: entry.value, isSecret: isSecret) }
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
                "'\(variable.written)' is used literally by \(subject): a variable is written \"${\(variable.name)}\"")
        } else if isTemplate {
            if let (written, name) = Self.fieldInSingleBraces(text) {
                diagnostics.warning(
                    .literalTemplate, at: range,
                    "'{\(written)}' is used literally by \(subject): a field of the message is written '{{\(name)}}'")
            }
        } else if !isCommand, let field = Self.fieldInDoubleBraces(text) {
            let variable = ForeignVariable(in: field).map { isSecret ? "NAME" : $0.name }
            diagnostics.warning(
                .literalTemplate, at: range,
                "'\(isSecret ? "{{…}}" : field)' is used literally by \(subject), which takes no fields of the message"
                    + (variable.map { "; a variable is written \"${\($0)}\"" } ?? ""),
                hidesLines: isSecret)
        } else if isSecret, text.hasPrefix("/"), !Self.mayHoldPaths(subject), access(text, F_OK) == 0 {
            diagnostics.warning(
                .literalVariable, at: range,
                "the path of a file is used literally by \(subject): what the file holds is written {file: PATH}",
                hidesLines: true)
        } else if text.hasPrefix("~/"), !isSecret {
            diagnostics.warning(
                .literalVariable, at: range,
                "'~' is used literally by \(subject): write \"${HOME}\(text.dropFirst())\"")
        } else if scalar.style == .plain {
            lookAtPlain(text, range, isSecret: isSecret)
        }
    }

    /// Variables of a program and header fields may hold secrets, and paths as well.
    private static func mayHoldPaths(_ subject: String) -> Bool {
        ["'environment'", "'headers'"].contains { subject.hasPrefix($0) }
    }

    /// A secret's text is not shown, nor is its line: messages go to the host's log.
    private mutating func lookAtPlain(_ text: String, _ range: SourceRange, isSecret: Bool) {
        if let inner = text.withoutTypographicQuotes {
            diagnostics.warning(
                .literalQuotes, at: range,
                "the quotes of \(subject) are typographic, and part of \(isSecret ? "it" : "the text: write \(JSONText.quoted(inner))")",
                hidesLines: isSecret)
        } else if let last = text.last, last == "," || last == ";" && !isCommand, !text.contains(" "),
            text.contains(where: { $0.isLetter || $0.isNumber })
        {
            diagnostics.warning(
                .literalQuotes, at: range,
                isSecret
                    ? "the '\(last)' at the end of \(subject) is part of it"
                    : "the '\(last)' is part of the text of \(subject): write \(text.dropLast())",
                hidesLines: isSecret)
        }
    }

    /// Programs have templates of their own, and `find` wants a ';'.
    private var isCommand: Bool { subject.hasPrefix("'command'") }

    /// `{{prompt}}`, with its braces.
    private static func fieldInDoubleBraces(_ text: String) -> String? {
        guard let start = text.firstRange(of: "{{"), let end = text[start.upperBound...].firstRange(of: "}}") else {
            return nil
        }
        return String(text[start.lowerBound..<end.upperBound])
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

    /// `{prompt}` or `{username}`, as Python's texts have fields, and the field's name.
    private static func fieldInSingleBraces(_ text: String) -> (written: String, name: String)? {
        let bare = text.replacing("{{", with: "").replacing("}}", with: "")
        let names = (PipelineWords.fields + ["error.message"]).map { (written: $0, name: $0) }
        let short = ["username", "user_id", "session_id"].map { word in
            (written: word, name: "session." + word.replacing("session_", with: ""))
        }
        return (names + short).first { bare.contains("{\($0.written)}") }
    }
}

extension DiagnosticCode {
    /// A variable as other programs write it, which is used literally.
    static let literalVariable = DiagnosticCode(rawValue: "literal_variable")
    /// A field of the message where none is put in.
    static let literalTemplate = DiagnosticCode(rawValue: "literal_template")
    /// Quotes that are part of a text.
    static let literalQuotes = DiagnosticCode(rawValue: "literal_quotes")
}
