import Pipeline
import Server

/// What `tap` shows of a message.
struct TapLine {
    let text: TerminalText
    /// How many columns there are; `nil` where that is not known.
    let columns: Int?
    let showsContent: Bool

    /// The lines for a message.
    func lines(_ message: JSONValue) -> [String] {
        func said(_ name: String) -> String { PrintableText.escaped(message.string(name)) }
        let time = PrintableText.escaped(message.string("time").dropFirst(11).prefix(columns == nil ? 12 : 8))
        let outcome = said("outcome")
        let took = ConsoleNumber.words(seconds: message.number("took") ?? 0)
        let what = "\(time) \(said("pipeline"))/\(said("stage"))  \(took)"
        let style: TerminalText.Style = outcome == "ok" ? .good : .bad
        let (id, session) = (said("message_id"), said("session_id"))
        let ids = "message=\(id) session=\(session)"
        var lines: [String]
        if let columns, columns < TerminalText.width(of: what + outcome + ids) + 4 {
            let code = TerminalText.cut(outcome, to: max(1, columns - 9))
            let first = TerminalText.cut(what, to: max(0, columns - TerminalText.width(of: code) - 1))
            lines = ["\(first) \(text.styled(code, style))"]
            lines += ["m \(id)", "s \(session)"].map { text.styled(TerminalText.cut($0, to: columns), .dim) }
        } else {
            lines = ["\(what)  \(text.styled(outcome, style))  \(text.styled(ids, .dim))"]
        }
        if showsContent {
            for (mark, name) in [(">", "prompt"), ("<", "response"), ("!", "error")] {
                guard case .string(let said)? = message[name] else { continue }
                lines.append(contentsOf: content(mark, said))
            }
        }
        return lines
    }

    /// One line where nobody's width says otherwise: what reads lines has one for each text.
    private func content(_ mark: String, _ said: String) -> [String] {
        guard let columns else { return ["  \(mark) \(PrintableText.escaped(said))"] }
        return TerminalText.wrapped("\(mark) \(said)", to: columns - 2, indentation: "  ").map { "  \($0)" }
    }

    /// A message as JSON, without what was said where that is not asked for.
    static func json(_ message: JSONValue, showsContent: Bool) -> String {
        guard !showsContent, case .object(var members) = message else { return message.json }
        for name in ["prompt", "response", "error"] { members[name] = nil }
        return JSONValue.object(members).json
    }
}
