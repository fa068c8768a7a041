/// Writes diagnostics for people and for programs.
package enum DiagnosticFormatter {
    /// A diagnostic as people read it, without a line break at the end.
    ///
    /// ```
    /// pipelines/chat.yaml:12:16: error: unknown setting 'modle' of stage 'complete'; did you mean 'model'?
    ///    12 |   - complete: {modle: gpt-3.5-turbo}
    ///       |                ^~~~~
    /// ```
    ///
    /// - Parameters:
    ///   - diagnostic: What is wrong.
    ///   - source: The file, to show the line; one with another path is left out, and so are lines that hold secrets.
    package static func text(_ diagnostic: Diagnostic, source: SourceFile?) -> String {
        var place = diagnostic.path
        if let start = diagnostic.range?.start { place += ":\(start.line):\(start.column)" }
        let suggestion = diagnostic.suggestion.map { "; did you mean '\($0)'?" } ?? ""
        let head = "\(place): \(diagnostic.severity.rawValue): \(diagnostic.message)\(suggestion)"
        guard let range = diagnostic.range, let source, source.path == diagnostic.path,
            !diagnostic.hidesLines, let excerpt = SourceExcerpt(of: range, in: source)
        else { return PrintableText.escaped(head) }
        return "\(PrintableText.escaped(head))\n\(excerpt.text)"
    }

    /// All diagnostics as a JSON array, one object on each line.
    ///
    /// Keys: `path`, `line`, `column`, `end_line`, `end_column` (these four only with a place), `severity`, `code`,
    /// `message`, `suggestion` (only where there is one).
    package static func json(_ all: [Diagnostic]) -> String {
        guard !all.isEmpty else { return "[]" }
        return "[\n" + all.map { "  " + json($0) }.joined(separator: ",\n") + "\n]"
    }

    private static func json(_ diagnostic: Diagnostic) -> String {
        var members = [("path", quoted(diagnostic.path))]
        if let range = diagnostic.range {
            members.append(("line", String(range.start.line)))
            members.append(("column", String(range.start.column)))
            members.append(("end_line", String(range.end.line)))
            members.append(("end_column", String(range.end.column)))
        }
        members.append(("severity", quoted(diagnostic.severity.rawValue)))
        members.append(("code", quoted(diagnostic.code.rawValue)))
        members.append(("message", quoted(diagnostic.message)))
        if let suggestion = diagnostic.suggestion { members.append(("suggestion", quoted(suggestion))) }
        return "{" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }

    /// Beyond what JSON asks for, whatever is not fit for a terminal is escaped too.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar != PrintableText.standIn(for: scalar):
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
