import Pipeline
import Server

/// What `top` shows of a host's figures.
struct TopScreen {
    let address: String
    let text: TerminalText

    private struct Column {
        let title: String
        let width: Int
        let value: (JSONValue) -> String
        var isBad: (JSONValue) -> Bool = { _ in false }
    }

    /// The figures as lines of a terminal.
    func lines(_ figures: JSONValue, columns: Int, rows: Int) -> [String] {
        let over = ConsoleNumber.words(seconds: figures.number("over") ?? 0)
        let head =
            "\(address)  \(ConsoleNumber.whole(figures.number("connections"))) connections, the last \(over)  (q: quit)"
        var lines = [text.styled(TerminalText.cut(head, to: columns), .bold)]
        for note in figures.list("notes") {
            guard case .string(let note) = note else { continue }
            lines += TerminalText.wrapped("! \(note)", to: columns, indentation: "  ").map { text.styled($0, .warning) }
        }
        for pipeline in figures.list("pipelines") {
            lines.append("")
            lines += table(pipeline, columns)
        }
        lines += reload(figures["reload"], columns)
        return Array(lines.prefix(rows))
    }

    private func table(_ pipeline: JSONValue, _ columns: Int) -> [String] {
        let rates = pipeline["messages"].map { messages in
            ["answered", "failed", "cancelled"].compactMap { name -> String? in
                guard let rate = messages.number(name), rate > 0 || name == "answered" else { return nil }
                return "\(name) \(TopScreen.rate(rate))/s"
            }
        }
        let title = "pipeline \(pipeline.string("name"))  \((rates ?? []).joined(separator: ", "))"
        let shown = TopScreen.fitting(columns)
        let names = columns - shown.reduce(0) { $0 + $1.width + 1 }
        let head = shown.map { TerminalText.padded($0.title, to: $0.width, isNumber: true) }
        var lines = [
            text.styled(TerminalText.cut(title, to: columns), .bold),
            text.styled(([TerminalText.padded("STAGE", to: names)] + head).joined(separator: " "), .dim),
        ]
        for stage in pipeline.list("stages") {
            let name = TerminalText.padded(stage.string("label"), to: names)
            let values = shown.map { column in
                let value = TerminalText.padded(column.value(stage), to: column.width, isNumber: true)
                return text.styled(value, column.isBad(stage) ? .bad : nil)
            }
            lines.append(([name] + values).joined(separator: " "))
        }
        return lines
    }

    private func reload(_ reload: JSONValue?, _ columns: Int) -> [String] {
        guard let reload, case .object = reload else { return [] }
        let isTaken = reload["taken"] == .bool(true)
        let what = isTaken ? "reloaded" : "reload refused: \(reload.string("reason"))"
        let line = TerminalText.cut("\(reload.string("time").dropFirst(11).prefix(8))  \(what)", to: columns)
        let found = reload.list("diagnostics").prefix(3).flatMap { diagnostic -> [String] in
            if case .string(let text) = diagnostic {
                TerminalText.wrapped(text, to: columns, indentation: "  ")
            } else {
                []
            }
        }
        return ["", text.styled(line, isTaken ? nil : .bad)] + found
    }

    /// The figures as lines for programs and logs: one for each stage, and one for each note.
    static func plainLines(_ figures: JSONValue) -> [String] {
        let time = figures.string("time").prefix(19)
        let stages = figures.list("pipelines").flatMap { pipeline in
            pipeline.list("stages").map { stage in
                let values = columns.map {
                    "\($0.title.lowercased().replacing("/", with: "_"))=\($0.value(stage).replacing(" ", with: ""))"
                }
                let names = "\(pipeline.string("name")) \(stage.string("label"))"
                return PrintableText.escaped("\(time) \(names) \(values.joined(separator: " "))")
            }
        }
        let notes = figures.list("notes").compactMap { note -> String? in
            if case .string(let text) = note { PrintableText.escaped("\(time) note: \(text)") } else { nil }
        }
        return stages + notes
    }

    /// The most important first.
    private static var columns: [Column] {
        [
            Column(title: "RATE", width: 7, value: { rate($0.number("rate") ?? 0) }),
            Column(title: "P99", width: 7, value: { time($0.number("p99")) }),
            Column(
                title: "WAIT", width: 6, value: { $0["queue"]?.number("messages").map(whole) ?? "-" },
                isBad: { ($0["queue"]?.number("oldest") ?? 0) >= 1 }),
            Column(
                title: "ERRORS", width: 6,
                value: { whole($0.counts("recent_errors").reduce(0.0) { $0 + Double($1.count) }) },
                isBad: { !$0.counts("recent_errors").isEmpty }),
            Column(title: "P50", width: 7, value: { time($0.number("p50")) }),
            Column(
                title: "OLDEST", width: 7, value: { time($0["queue"]?.number("oldest")) },
                isBad: { ($0["queue"]?.number("oldest") ?? 0) >= 1 }),
            Column(title: "INSIDE", width: 6, value: { whole($0.number("inside") ?? 0) }),
            Column(title: "TOKENS/S", width: 8, value: { $0.number("tokens_rate").map(rate) ?? "-" }),
            Column(title: "RETRIES", width: 7, value: { whole($0.number("retries") ?? 0) }),
            Column(
                title: "CODES", width: 40,
                value: { stage in
                    let codes = stage.counts("errors").map { "\($0.name):\($0.count)" }
                    return codes.isEmpty ? "-" : codes.joined(separator: ",")
                }),
        ]
    }

    /// Those that leave 14 columns for a stage's name.
    private static func fitting(_ width: Int) -> [Column] {
        var left = width - 14
        return columns.prefix { column in
            left -= column.width + 1
            return left >= 0
        }
    }

    private static func rate(_ value: Double) -> String {
        value >= 100 ? whole(value) : ConsoleNumber.text(value, digits: 10)
    }

    private static func whole(_ value: Double) -> String { String(ConsoleNumber.whole(value)) }

    private static func time(_ seconds: Double?) -> String { seconds.map { ConsoleNumber.words(seconds: $0) } ?? "-" }
}
