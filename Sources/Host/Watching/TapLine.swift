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
        let time = String(message.string("time").dropFirst(11).prefix(columns == nil ? 12 : 8))
        let outcome = message.string("outcome")
        let took = ConsoleNumber.words(seconds: message.number("took") ?? 0)
        let what = "\(time) \(message.string("pipeline"))/\(message.string("stage"))  \(took)"
        let style: TerminalText.Style = outcome == "ok" ? .good : .bad
        let (id, session) = (message.string("message_id"), message.string("session_id"))
        let ids = "message=\(id) session=\(session)"
        var lines: [String]
        if let columns, columns < what.count + outcome.count + ids.count + 4 {
            let first = TerminalText.cut(what, to: max(8, columns - outcome.count - 1))
            lines = ["\(first) \(text.styled(outcome, style))"]
            lines += ["m \(id)", "s \(session)"].map { text.styled(TerminalText.cut($0, to: columns), .dim) }
        } else {
            lines = [
                "\(PrintableText.escaped(what))  \(text.styled(outcome, style))  \(text.styled(PrintableText.escaped(ids), .dim))"
            ]
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
