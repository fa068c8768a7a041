import FoundationEssentials
import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Diagnostics are written with their line and carets")
struct DiagnosticFormatterTests {
    private func place(_ line: Int, _ column: Int, to endLine: Int? = nil, _ endColumn: Int) -> SourceRange {
        SourceRange(
            start: Pipeline.SourceLocation(line: line, column: column),
            end: Pipeline.SourceLocation(line: endLine ?? line, column: endColumn))
    }

    private func excerpt(_ text: String, _ range: SourceRange) -> String {
        let source = SourceFile(path: "f", text: text)
        let diagnostic = Diagnostic(severity: .error, code: .yamlSyntax, message: "m", path: "f", range: range)
        return DiagnosticFormatter.text(diagnostic, source: source)
            .split(separator: "\n", omittingEmptySubsequences: false).dropFirst().joined(separator: "\n")
    }

    @Test("the documented example is written exactly")
    func documented() {
        let lines = Array(repeating: "", count: 11) + ["  - complete: {modle: gpt-3.5-turbo}", ""]
        let source = SourceFile(path: "pipelines/chat.yaml", text: lines.joined(separator: "\n"))
        let diagnostic = Diagnostic(
            severity: .error, code: .init(rawValue: "unknown_setting"),
            message: "unknown setting 'modle' of stage 'complete'", path: source.path, range: place(12, 16, 21),
            suggestion: "model")
        let expected = """
            pipelines/chat.yaml:12:16: error: unknown setting 'modle' of stage 'complete'; did you mean 'model'?
               12 |   - complete: {modle: gpt-3.5-turbo}
                  |                ^~~~~
            """
        #expect(DiagnosticFormatter.text(diagnostic, source: source) == expected)
    }

    @Test("without a place, without a file, or with another file there is one line")
    func oneLine() {
        let source = SourceFile(path: "f", text: "secret")
        var diagnostic = Diagnostic(severity: .warning, code: .fileUnreadable, message: "no such file", path: "f")
        #expect(DiagnosticFormatter.text(diagnostic, source: source) == "f: warning: no such file")
        diagnostic = Diagnostic(severity: .note, code: .yamlSyntax, message: "m", path: "g", range: place(1, 1, 2))
        #expect(DiagnosticFormatter.text(diagnostic, source: source) == "g:1:1: note: m")
        #expect(DiagnosticFormatter.text(diagnostic, source: nil) == "g:1:1: note: m")
        diagnostic = Diagnostic(severity: .error, code: .yamlSyntax, message: "m", path: "f", range: place(9, 1, 2))
        #expect(DiagnosticFormatter.text(diagnostic, source: source) == "f:9:1: error: m")
    }

    @Test("tabs before the caret are kept, so that it stands below its character")
    func tabs() {
        #expect(excerpt("\ta:\tx", place(1, 5, 6)) == "    1 | \ta:\tx\n      | \t  \t^")
    }

    @Test("an empty range is one caret, also behind the line's end")
    func emptyRange() {
        #expect(excerpt("key:", place(1, 5, 5)) == "    1 | key:\n      |     ^")
        #expect(excerpt("", place(1, 1, 1)) == "    1 | \n      | ^")
        #expect(excerpt("ab", place(1, 9, 12)) == "    1 | ab\n      |   ^")
    }

    @Test("carets of several lines run to the end of the first")
    func severalLines() {
        #expect(excerpt("a: [b,\r\n  c]\r\n", place(1, 4, to: 2, 5)) == "    1 | a: [b,\n      |    ^~~")
        #expect(excerpt("a: |\n  c", place(1, 4, to: 2, 4)) == "    1 | a: |\n      |    ^")
    }

    @Test("columns are Unicode scalars")
    func scalars() {
        #expect(excerpt("é🚃e\u{301}: xy", place(1, 7, 9)) == "    1 | é🚃e\u{301}: xy\n      |       ^~")
    }

    @Test("line numbers of more than five digits widen both margins")
    func largeNumbers() {
        let text = String(repeating: "\n", count: 123_455) + "x"
        #expect(excerpt(text, place(123_456, 1, 2)) == "123456 | x\n       | ^")
        #expect(excerpt(text, place(99_999, 1, 1)) == "99999 | \n      | ^")
    }

    @Test("of a long line the part around the caret is shown")
    func longLines() {
        let line = (0..<500).map { String($0 % 10) }.joined()
        #expect(excerpt(line, place(1, 1, 3)) == "    1 | \(line.prefix(160))…\n      | ^~")
        let middle = String(line.dropFirst(240).prefix(160))
        #expect(
            excerpt(line, place(1, 301, 303)) == "    1 | …\(middle)…\n      | \(String(repeating: " ", count: 61))^~")
        let end = String(line.dropFirst(440))
        #expect(excerpt(line, place(1, 501, 501)) == "    1 | …\(end)\n      | \(String(repeating: " ", count: 61))^")
        let carets = "^" + String(repeating: "~", count: 99)
        #expect(excerpt(line, place(1, 301, 500)).hasSuffix(" \(carets)"))
        let exact = String(line.prefix(160))
        #expect(
            excerpt(exact, place(1, 160, 161)) == "    1 | \(exact)\n      | \(String(repeating: " ", count: 159))^")
    }

    @Test("what would drive a terminal is shown as something else of the same width")
    func hostileLines() {
        #expect(
            excerpt("\u{1B}[2J\u{7F}\u{9B}\u{202E}a\u{0}x", place(1, 9, 10))
                == "    1 | ␛[2J␡\u{FFFD}\u{FFFD}a␀x\n      |         ^")
        #expect(excerpt("👩\u{200D}🚀 x", place(1, 5, 6)) == "    1 | 👩\u{200D}🚀 x\n      |     ^")
    }

    @Test("messages, paths and suggestions are one line without control characters")
    func hostileMessages() {
        let diagnostic = Diagnostic(
            severity: .error, code: .yamlSyntax, message: "key 'a\nb\u{1B}[1m'", path: "x\r\ty", suggestion: "\u{202E}z"
        )
        #expect(
            DiagnosticFormatter.text(diagnostic, source: nil)
                == "x\\r\\ty: error: key 'a\\nb\\u{1B}[1m'; did you mean '\\u{202E}z'?")
    }

    @Test("lines of environment files are never shown")
    func environmentFile() {
        let source = SourceFile(path: ".env", text: "s3cret")
        let diagnostic = Diagnostic(
            severity: .error, code: .envFileSyntax, message: "m", path: ".env", range: place(1, 1, 2))
        #expect(DiagnosticFormatter.text(diagnostic, source: source) == ".env:1:1: error: m")
    }

    private struct Decoded: Decodable, Equatable {
        var path, severity, code, message: String
        var line, column, end_line, end_column: Int?
        var suggestion: String?
    }

    @Test("JSON has every part, one object a line, and survives any text")
    func json() throws {
        let hostile = "\"\\/\u{0}\u{1B}\n\t\r\u{7F}\u{9B}\u{2028}\u{E0001}é🚃"
        let all = [
            Diagnostic(
                severity: .error, code: .yamlTab, message: hostile, path: "a\"b", range: place(2, 3, to: 4, 5),
                suggestion: "x"),
            Diagnostic(severity: .warning, code: .fileUnreadable, message: "m", path: "f"),
        ]
        let text = DiagnosticFormatter.json(all)
        #expect(text.split(separator: "\n").count == 4)
        #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0 == PrintableText.standIn(for: $0) })
        let decoded = try JSONDecoder().decode([Decoded].self, from: Data(text.utf8))
        #expect(
            decoded == [
                Decoded(
                    path: "a\"b", severity: "error", code: "yaml_tab", message: hostile, line: 2, column: 3,
                    end_line: 4,
                    end_column: 5, suggestion: "x"),
                Decoded(path: "f", severity: "warning", code: "file_unreadable", message: "m"),
            ])
        #expect(DiagnosticFormatter.json([]) == "[]")
        #expect(
            DiagnosticFormatter.json([all[1]]) == """
                [
                  {"path": "f", "severity": "warning", "code": "file_unreadable", "message": "m"}
                ]
                """)
    }
}
