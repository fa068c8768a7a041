import Pipeline
import Testing

@testable import Host

@Suite("What top and tap show")
struct TopScreenTests {
    private let figures =
        JSONValue(
            json: """
                {"type":"figures","time":"2026-01-31T12:00:00.123456Z","over":10,"connections":3,"notes":["3 rows wait for 'persist', \
                the oldest for 41 s"],"pipelines":[{"name":"p","messages":{"answered":1.5,"failed":0},"stages":[{"label":"complete",\
                "rate":1.5,"p50":0.2,"p99":1.25,"inside":1,"errors":{"model_timeout":2},"recent_errors":{"model_timeout":1},\
                "retries":0,"tokens":9,"tokens_rate":4},{"label":"日本語の長いラベル日本語の長いラベル","rate":0,"p50":null,"p99":null,\
                "inside":0,"errors":{},"recent_errors":{},"retries":7,"queue":{"messages":3,"oldest":41}}]}],"fallbacks":[],\
                "reload":{"time":"2026-01-31T11:00:00.000000Z","taken":false,"reason":"see above","diagnostics":["p.yaml:1:1: error: \
                \\u001b[2J"]}}
                """) ?? .null

    @Test("no line is wider than the terminal, and there are no more lines than it has", arguments: [20, 40, 80, 200])
    func width(columns: Int) {
        let lines = TopScreen(address: "http://127.0.0.1:8080", text: TerminalText(hasColors: false))
            .lines(figures, columns: columns, rows: 9)
        #expect(lines.count <= 9)
        for line in lines { #expect(TerminalText.width(of: line) <= columns, "\(line)") }
    }

    @Test("the most important figures are there at 40 columns, all of them at 200")
    func columns() {
        func text(_ columns: Int) -> String {
            TopScreen(address: "h", text: TerminalText(hasColors: false)).lines(figures, columns: columns, rows: 50)
                .joined(separator: "\n")
        }
        for part in ["complete", "1.5", "1.3 s", "rows wait", "refused"] { #expect(text(40).contains(part), "\(part)") }
        for part in ["model_timeout:2", "TOKENS/S", "200 ms", "41 s"] { #expect(text(200).contains(part), "\(part)") }
    }

    @Test("colours where they are wanted, and never a control character of the host's")
    func colours() {
        let plain = TopScreen(address: "h", text: TerminalText(hasColors: false)).lines(figures, columns: 80, rows: 50)
        let coloured = TopScreen(address: "h", text: TerminalText(hasColors: true)).lines(
            figures, columns: 80, rows: 50)
        #expect(!plain.joined().contains("\u{1B}"))
        #expect(coloured.joined().contains("\u{1B}[31m"))
        #expect(!coloured.joined().contains("\u{1B}[2J"))
    }

    @Test("lines for programs have one stage each, and name what is wrong")
    func plain() {
        let lines = TopScreen.plainLines(figures)
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("2026-01-31T12:00:00 p complete rate=1.5 p99=1.3s"))
        #expect(lines[2].hasSuffix("note: 3 rows wait for 'persist', the oldest for 41 s"))
    }

    private let message =
        JSONValue(
            json: """
                {"type":"message","time":"2026-01-31T12:00:00.123456Z","pipeline":"p","stage":"complete","message_id":\
                "019a0000-0000-7000-8000-000000000001","session_id":"5f350470-f5d5-4d96-93db-8d732a78cfc9","took":0.0012,\
                "outcome":"ok","prompt":"what\\nis \\u001b[2J this","response":"that"}
                """) ?? .null

    @Test(
        "a message is one line for programs, and fits a terminal of any width with both ids",
        arguments: [nil, 40, 80, 200])
    func tap(columns: Int?) {
        let lines = TapLine(text: TerminalText(hasColors: false), columns: columns, showsContent: true).lines(message)
        let text = lines.joined(separator: "\n")
        #expect(text.contains("019a0000-0000-7000-8000-000000000001"))
        #expect(text.contains("5f350470-f5d5-4d96-93db-8d732a78cfc9"))
        #expect(text.contains("what") && text.contains("that") && !text.contains("\u{1B}"))
        if let columns { for line in lines { #expect(TerminalText.width(of: line) <= columns, "\(line)") } }
        if columns == nil { #expect(lines.count == 3) }
    }

    /// What a host that is not to be trusted sends.
    private let hostile =
        JSONValue(
            json: #"""
                {"type":"figures","time":"\u001b[2J26-01-31T\u001b]0;x\u0007","over":1e300,"connections":-1e300,\#
                "took":1e308,"outcome":"\u001b[2Jok","pipeline":"\u001b[2J","stage":"\u009b2J","message_id":"\u001b[1m",\#
                "session_id":"\u202e","notes":["\u001b[2J"],"pipelines":[{"name":"\u001b[2J","messages":{"answered":1e300},\#
                "stages":[{"label":"\u001b[2J","rate":1e300,"p50":-1e300,"p99":1e300,"inside":1e300,"retries":1e300,\#
                "errors":{"\u001b[2J":1e300},"recent_errors":{"a":1e300,"b":9223372036854775807},"tokens_rate":1e300,\#
                "queue":{"messages":1e300,"oldest":1e300}}]}],"reload":{"time":"2026-01-31T\u001b[2J","reason":"\u001b[2J",\#
                "diagnostics":["\u001b[2J"]}}
                """#) ?? .null

    @Test(
        "nothing that a host says moves the cursor or ends the program, whatever its numbers are",
        arguments: [20, 80, 200])
    func hostileHost(columns: Int) {
        let text = TerminalText(hasColors: false)
        #expect(hostile.number("took") != nil)
        let screen = TopScreen(address: "h", text: text).lines(hostile, columns: columns, rows: 50)
        let messages = TapLine(text: text, columns: columns, showsContent: true).lines(hostile)
        for line in screen + messages { #expect(TerminalText.width(of: line) <= columns, "\(line)") }
        let plain = TapLine(text: text, columns: nil, showsContent: true).lines(hostile)
        for line in screen + messages + plain + TopScreen.plainLines(hostile) {
            #expect(PrintableText.escaped(line) == line)
        }
        let problem = HostFeed.Problem(description: "the host has ended it: \(hostile.string("pipeline"))")
        #expect("\(problem)".hasSuffix(#"it: \u{1B}[2J"#))
        let event = HostFeed.Event(text: "{\n\"a\":\"\u{9B}\"}", value: .object(["a": .string("\u{9B}")]))
        #expect(event.json == #"{"a":"\u009b"}"#)
    }

    @Test("a word that is wider than the terminal is shown whole", arguments: [6, 7, 40])
    func longWords(columns: Int) {
        for word in [String(repeating: "abcdefghij", count: 9), String(repeating: "日本語", count: 20), "🚀✅⭐🛒🧵🚀✅⭐🛒🧵"] {
            let lines = TerminalText.wrapped("> so \(word) it is", to: columns, indentation: "  ")
            for line in lines { #expect(TerminalText.width(of: line) <= columns, "\(line)") }
            #expect(lines.joined().filter { $0 != " " } == ">so\(word)itis")
            #expect(lines[0].hasPrefix("> so"))
        }
        #expect(TerminalText.wrapped("> a b", to: 3, indentation: "  ") == ["> …"])
    }

    @Test("emoji take two columns, and a flag", arguments: ["🚀", "✅", "⭐", "🛒", "⌚", "日", "🇩🇪", "❤️"])
    func wideLetters(letter: String) { #expect(TerminalText.width(of: letter) == 2) }

    @Test("what was said is shown only where it is asked for")
    func content() {
        let lines = TapLine(text: TerminalText(hasColors: false), columns: nil, showsContent: false).lines(message)
        #expect(!lines.joined().contains("this") && lines.count == 1)
        #expect(!TapLine.json(message, showsContent: false).contains("this"))
        #expect(TapLine.json(message, showsContent: true).contains("this"))
    }

    @Test(
        "the address is what serve prints, or a part of it",
        arguments: [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"), ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            (":8080", "http://127.0.0.1:8080"), ("ws://h:1/ws", "http://h:1"), ("https://h/x?y", "https://h"),
            ("localhost", "http://localhost"), ("[::1]:80", "http://[::1]:80"),
        ])
    func addresses(written: String, text: String) { #expect(HostAddress(written)?.text == text) }

    @Test("what names no host is no address", arguments: ["", "ftp://h", "http://", "a b", "http://user:secret@h"])
    func noAddress(written: String) { #expect(HostAddress(written) == nil) }

    @Test("labels are part of the feed's address, whatever they hold")
    func feed() {
        #expect(
            HostAddress("h:1")?.feed(tap: "a&b ü", session: "s")
                == "http://h:1/console/events?tap=a%26b%20%C3%BC&session=s")
    }
}
