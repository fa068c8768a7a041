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
