import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Diagnostics are collected by file")
struct DiagnosticsTests {
    private func range(_ line: Int, _ column: Int) -> SourceRange {
        SourceRange(at: Pipeline.SourceLocation(line: line, column: column))
    }

    @Test("they are sorted by place, and by the order of finding where the place is the same")
    func sorting() {
        var diagnostics = Diagnostics(source: SourceFile(path: "f", text: ""))
        for (line, column, message) in [(2, 1, "d"), (1, 9, "b"), (1, 10, "c"), (1, 2, "a"), (2, 1, "e"), (2, 1, "f")] {
            diagnostics.error(.yamlSyntax, at: range(line, column), message)
        }
        #expect(diagnostics.sorted.map(\.message) == ["a", "b", "c", "d", "e", "f"])
        #expect(diagnostics.items.map(\.message) == ["d", "b", "c", "a", "e", "f"])
        #expect(diagnostics.items.allSatisfy { $0.path == "f" && $0.severity == .error })
    }

    @Test("warnings and notes are no errors")
    func severities() {
        var diagnostics = Diagnostics(source: SourceFile(path: "f", text: ""))
        diagnostics.warning(.yamlSyntax, at: range(1, 1), "w", suggestion: "x")
        diagnostics.note(.yamlSyntax, at: range(1, 1), "n")
        #expect(!diagnostics.hasErrors)
        #expect(diagnostics.items.map(\.severity) == [.warning, .note])
        #expect(diagnostics.items[0].suggestion == "x")
        diagnostics.error(.yamlSyntax, at: range(1, 1), "e")
        #expect(diagnostics.hasErrors)
    }

    @Test("past two hundred they end with a note, and later errors still count")
    func limit() {
        var diagnostics = Diagnostics(source: SourceFile(path: "f", text: ""))
        for line in 1...200 { diagnostics.warning(.yamlSyntax, at: range(line, 1), "w") }
        #expect(diagnostics.items.count == 200)
        for line in 201...300 { diagnostics.error(.yamlSyntax, at: range(line, 1), "e") }
        #expect(diagnostics.items.count == 201)
        #expect(diagnostics.sorted.last?.message == "only the first 200 problems are listed")
        #expect(diagnostics.hasErrors)
    }

    @Test("a value whose error is known gets no second one; its surroundings do")
    func settling() {
        var diagnostics = Diagnostics(source: SourceFile(path: "f", text: ""))
        diagnostics.settle(range(1, 5))
        diagnostics.error(.yamlSyntax, at: range(1, 5), "follows")
        #expect(!diagnostics.hasErrors)
        diagnostics.error(.yamlSyntax, at: range(1, 6), "another")
        #expect(diagnostics.items.map(\.message) == ["another"])
    }
}
