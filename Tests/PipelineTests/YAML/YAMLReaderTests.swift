import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("YAML is read into located trees")
struct YAMLReaderTests {
    @Test("the documented file reads whole")
    func sample() throws {
        let reading = Reading(samplePipeline)
        let root = try #require(reading.node)
        #expect(reading.report.isEmpty)
        #expect(root.entries?.map { $0.key.scalar?.text } == ["pipeline", "resources", "stages"])
        #expect(root["resources"]?["model"]?["openai"]?["key"]?.scalar?.text == "${OPENAI_API_KEY:-}")
        #expect(root["resources"]?["model"]?["openai"]?["key"]?.scalar?.style == .doubleQuoted)
        let stages = try #require(root["stages"]?.elements)
        #expect(stages.count == 5)
        #expect(stages[1]["validate"]?["resources"]?.elements?.map { $0.scalar?.text } == ["model", "database"])
        #expect(stages[3]["async"]?.scalar?.value == .bool(true))
        #expect(stages[4].scalar?.text == "respond")
        #expect(root["nothing"] == nil && stages[4]["x"] == nil)
    }

    @Test(
        "a value's range is exactly what was written",
        arguments: [
            ("a: x", "x"), ("a:   x y   \n", "x y"), ("a: x # note", "x"), ("a: 'it''s' ", "'it''s'"),
            ("a: \"q\\\"q\"  # c", "\"q\\\"q\""), ("a: [1, 2] # c", "[1, 2]"), ("a: {b: 1 }\n\n", "{b: 1 }"),
            ("a: [{b: [1]}, c]", "[{b: [1]}, c]"), ("a:", ""), ("a: \nb: 1", ""), ("a: x\r\nb: y\r\n", "x"),
            ("a: |\n  one\n\n  two\n\n# c\nb: 1", "|\n  one\n\n  two"), ("a: >-\n  one\n  two\n", ">-\n  one\n  two"),
            ("a: |\n", "|"), ("a: one\n  two\n", "one\n  two"), ("a: \"one\n  two\"\n", "\"one\n  two\""),
            ("a:\n  b: 1\n  c: 2  # x\n\n\nd: 3", "b: 1\n  c: 2"), ("a:\n- 1\n- 2\n\n# x\nd: 3", "- 1\n- 2"),
            ("a:\n  - b: 1\n    c:\n  - d\n", "- b: 1\n    c:\n  - d"), ("a: 日本 🚃 x", "日本 🚃 x"),
            ("日本: \"é🚃\" # é", "\"é🚃\""), ("a: [b: c]", "[b: c]"),
            ("a:\r\n  b: |\r\n    x\r\n  c: y\r\n", "b: |\r\n    x\r\n  c: y"),
        ])
    func ranges(text: String, expected: String) {
        let reading = Reading(text)
        #expect(reading.report.isEmpty)
        let root = reading.node
        #expect(reading.written(root?.entries?.first?.value) == expected)
    }

    @Test("keys, elements and pairs inside lists have ranges of their own")
    func innerRanges() throws {
        let reading = Reading("a: [ b , \"c\": d]\n'e f' : {g}\n")
        let root = try #require(reading.node)
        let list = try #require(root["a"]?.elements)
        #expect(list.map { reading.written($0) } == ["b", "\"c\": d"])
        #expect(root.entries?.map { reading.written($0.key) } == ["a", "'e f'"])
        #expect(reading.written(root["e f"]?.entries?[0].key) == "g")
        #expect(reading.written(root) == "a: [ b , \"c\": d]\n'e f' : {g}")
    }

    @Test("columns count Unicode scalars from 1, lines from 1, and byte order marks not at all")
    func places() throws {
        let reading = Reading("\u{FEFF}a: x\r\ne\u{301}🚃: yy\r\n")
        let range = try #require(reading.node?.entries?[1].value.range)
        #expect(range.start == Pipeline.SourceLocation(line: 2, column: 6))
        #expect(range.end == Pipeline.SourceLocation(line: 2, column: 8))
        #expect(reading.node?.entries?[0].key.range.start == Pipeline.SourceLocation(line: 1, column: 1))
    }

    @Test(
        "styles are kept",
        arguments: zip(
            ["x", "'x'", "\"x\"", "|-\n x", ">-\n x"],
            [Scalar.Style.plain, .singleQuoted, .doubleQuoted, .literal, .folded]))
    func styles(text: String, style: Scalar.Style) {
        let scalar = Reading("a: \(text)").node?["a"]?.scalar
        #expect(scalar?.style == style)
        #expect(scalar?.text == "x")
    }

    @Test(
        "blocks and quotes give the text that YAML says",
        arguments: [
            ("|\n  a\n   b\n", "a\n b\n"), ("|-\n  a\n", "a"), ("|+\n  a\n\n", "a\n\n"),
            (">\n  a\n  b\n\n  c\n", "a b\nc\n"),
            ("\"a\\tb\\u00e9\\n\"", "a\tbé\n"), ("'a\\tb'", "a\\tb"), ("a\n  b\n\n  c", "a b\nc"),
            ("\"a\\\n  b\"", "ab"),
            ("|\r\n  a\r\n  b\r\n", "a\nb\n"),
        ])
    func texts(written: String, text: String) {
        #expect(Reading("a: \(written)").node?["a"]?.scalar?.text == text)
    }

    @Test("one document with its markers and a version is a file")
    func document() {
        for text in [
            "---\na: 1\n", "%YAML 1.2\n---\na: 1\n...\n", "# c\n--- # c\na: 1\n...\n# end\n", "a: 1\n...\n...\n",
        ] {
            let reading = Reading(text)
            #expect(reading.report.isEmpty)
            #expect(reading.node?.outline == "{'a': '1'}")
        }
    }

    @Test("a complete file may be one scalar or one list")
    func roots() {
        #expect(Reading("hello").node?.outline == "'hello'")
        #expect(Reading("- 1\n- [2]\n").node?.outline == "['1', ['2']]")
        #expect(Reading("''").node?.outline == "''")
    }
}
