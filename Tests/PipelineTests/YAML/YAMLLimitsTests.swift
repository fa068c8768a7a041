import TestPatience
import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Hostile YAML costs no more than its bytes")
struct YAMLLimitsTests {
    /// Far above what a debug build takes on a busy machine, far below what expanding any of these would take.
    private let patience = Duration.patience(.seconds(5))

    private func read(_ text: String, limits: YAMLReader.Limits = .init()) -> Reading {
        var reading: Reading?
        let time = ContinuousClock().measure { reading = Reading(text, limits: limits) }
        #expect(time < patience)
        return reading ?? Reading("")
    }

    @Test(
        "a megabyte of openings stops at the first that is too deep",
        arguments: ["[", "{", "- ", "? ", "{a: ", "[a, ", "[{", "-\t"])
    func depth(opening: String) {
        let text = String(repeating: opening, count: (1 << 20) / opening.utf8.count)
        let reading = read(text)
        #expect(reading.node == nil)
        #expect(reading.codes.count == 1)
        #expect(reading.diagnostics.items.first?.range?.start.line == 1)
    }

    @Test("the depth limit counts lists and mappings exactly")
    func exactDepth() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(Reading(nested(64)).node != nil)
        let reading = Reading(nested(65))
        #expect(reading.codes == ["yaml_too_deep"])
        #expect(reading.diagnostics.items.first?.range?.start == Pipeline.SourceLocation(line: 1, column: 65))
        var limits = YAMLReader.Limits()
        limits.depth = 2
        #expect(Reading("a: [{b: 1}]", limits: limits).codes == ["yaml_too_deep"])
        #expect(Reading("a: [1]\nb: {c: 1}", limits: limits).codes.isEmpty)
    }

    @Test("the node limit counts scalars, lists, mappings and keys exactly")
    func exactNodes() {
        var limits = YAMLReader.Limits()
        limits.nodes = 6
        #expect(Reading("a: 1\nb: [2]\n", limits: limits).codes.isEmpty)
        let reading = Reading("a: 1\nb: [2, 3]\n", limits: limits)
        #expect(reading.codes == ["yaml_too_many_nodes"])
        #expect(reading.diagnostics.items.first?.range?.start == Pipeline.SourceLocation(line: 2, column: 8))
        #expect(read("[" + String(repeating: "1,", count: 500_000) + "]").codes == ["yaml_too_many_nodes"])
    }

    @Test("the byte limit is exact")
    func exactBytes() {
        var limits = YAMLReader.Limits()
        limits.bytes = 6
        #expect(Reading("a: bcd", limits: limits).codes.isEmpty)
        #expect(Reading("a: bcde", limits: limits).codes == ["yaml_too_large"])
        #expect(read("a: " + String(repeating: "x", count: 10 << 20)).codes == ["yaml_too_large"])
    }

    @Test("an alias bomb is never expanded")
    func aliases() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<30 {
            text +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ") + "]\n"
        }
        let reading = read(text)
        #expect(reading.codes.first == "yaml_alias")
        #expect(reading.diagnostics.items.count == 201)
    }

    @Test("a hundred thousand problems are a short report")
    func manyProblems() {
        let reading = read("{" + String(repeating: "a: 1, ", count: 40_000) + "}")
        #expect(reading.diagnostics.items.count == 201)
        #expect(reading.diagnostics.items.last?.severity == .note)
        #expect(reading.diagnostics.hasErrors)
        #expect(reading.report.utf8.count < 200_000)
    }

    @Test(
        "no other repetition is slow",
        arguments: [
            "%TAG !a! x\n", "%YAML 1.2\n", "# c\n", "\n", "\r", "\"", "'", "&a ", "*a ", "!a ", "a: ", "a\n", "\t", " ",
            "a: |\n", "---\n", "...\n",
            "a: 1\n", "\\", "${", "é", "🚃", "\u{2028}", "? a\n", "}", "]", ",", ":", "a ", "- a\n ", "\"\\x41\" ",
            "a: >\n  b\n\n",
        ])
    func repetitions(piece: String) {
        let text = String(repeating: piece, count: (1 << 19) / piece.utf8.count)
        let reading = read(text)
        #expect(reading.node != nil || reading.diagnostics.hasErrors)
        #expect(reading.report.utf8.count < 1 << 20)
    }
}
