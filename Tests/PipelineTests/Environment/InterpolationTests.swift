import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Variables are put into values after parsing")
struct InterpolationTests {
    private static let variables = [
        "A": "one", "B": "2", "EMPTY": "", "NESTED": "${A}", "_x9": "u", "YAML": "a: [b]\n- c", "DOLLAR": "$",
    ]

    private func text(_ written: String) -> String? {
        Reading("k: \(written)", variables: Self.variables).node?["k"]?.scalar?.text
    }

    @Test(
        "what a text becomes",
        arguments: [
            ("${A}", "one"), ("\"${A}\"", "one"), ("'${A}'", "one"), ("x${A}y${B}z", "xoney2z"), ("${EMPTY}", ""),
            ("${A:-d}", "one"), ("${EMPTY:-d}", "d"), ("${NO:-d}", "d"), ("${NO:-}", ""), ("x${NO:-}", "x"),
            ("${NO:-${A}}", "one"),
            ("${NO:-a${NO:-b${B}}c}", "ab2c"), ("'${NO:-a}}'", "a}"), ("${NO:-{x}}", "{x}"), ("${NO:-$${A}}", "${A}"),
            ("$${A}", "${A}"), ("$$${A}", "$${A}"),
            ("$A $ $$ ${A}$", "$A $ $$ one$"), ("${_x9}", "u"), ("${NESTED}", "${A}"), ("${NO:-${NESTED}}", "${A}"),
            ("${YAML}", "a: [b]\n- c"),
            ("${DOLLAR}{A}", "${A}"), ("$", "$"), ("${A:-${NO}}", "one"), ("\"${NO:-é🚃}\"", "é🚃"),
            ("|\n  ${A}\n  b", "one\nb"), ("\"\\x24{A}\"", "one"),
            ("${NO:-:-}", ":-"), ("${NO:-a b}", "a b"),
        ])
    func texts(written: String, expected: String) { #expect(text(written) == expected) }

    @Test("keys stay as they are, in values at any depth they don't")
    func everywhere() {
        let node = Reading("${A}: [{b: \"${B}\"}, \"${A}\"]\nc: ${A}\n", variables: Self.variables).node
        #expect(node?.outline == "{'${A}': [{'b': '2'}, 'one'], 'c': 'one'}")
    }

    @Test("what was written stays, and only a variable makes a scalar interpolated")
    func flags() throws {
        let node = Reading("a: '${B}'\nb: '$${B}'\nc: '30'\nd: ${NO:-5s}\n", variables: Self.variables).node
        let scalars = try #require(node?.entries).compactMap(\.value.scalar)
        #expect(scalars.map(\.isInterpolated) == [true, false, false, true])
        #expect(scalars.map(\.written) == ["${B}", "$${B}", "30", "${NO:-5s}"])
        #expect(scalars.map(\.value) == [.int(2), .string("${B}"), .string("30"), .string("5s")])
        #expect(scalars.map(\.style) == [.singleQuoted, .singleQuoted, .singleQuoted, .plain])
    }

    @Test("a value can't change the structure")
    func structure() {
        let node = Reading("a: [\"${YAML}\"]", variables: Self.variables).node
        #expect(node?["a"]?.elements?.count == 1)
    }

    /// A file and the text that the first error must point at.
    @Test(
        "an unset variable is reported at its own place",
        arguments: [
            ("k: ${NO}", "${NO}"), ("k: 'it''s ${NO} x'", "${NO}"), ("k: \"\\t\\\"é🚃 ${NO}\"", "${NO}"),
            ("k: a ${A} ${NO:-${NOT}} b", "${NOT}"),
            ("k: \"one\n  two ${A}\n\n  three ${NO}\"", "${NO}"), ("k: | # ${c}\n  one\n  ${NO}\n", "${NO}"),
            ("k: >-\r\n  a ${A}\r\n  b ${NO}\r\n", "${NO}"),
            ("k: one\n  two ${NO}\n", "${NO}"), ("k: $${NO} ${NO}", "${NO}"), ("k: [x, {y: \"${A}${NO}\"}]", "${NO}"),
            ("k: '${A} ${NO:-a}} ${NO}'", "${NO}"),
            ("日: \"日 ${NO}\"", "${NO}"), ("- '${NO}'", "${NO}"), ("k: \"${EMPTY:-${NO}}\"", "${NO}"),
        ])
    func unset(text: String, place: String) throws {
        let reading = Reading(text, variables: Self.variables)
        #expect(reading.codes == ["variable_not_set"])
        let range = try #require(reading.diagnostics.items.first?.range)
        #expect(reading.source[bytes: reading.source.bytes(of: range)] == place)
    }

    @Test("the second of two equal variables has the second place")
    func order() {
        let reading = Reading("k: $${NO} ${NO:-x} ${NO}", variables: [:])
        #expect(reading.diagnostics.items.map { $0.range?.start.column } == [20])
    }

    @Test("the report shows the variable, its line and the nearest name, and goes on to the next")
    func report() {
        let reading = Reading(
            "key: \"${OPENAI_API_KEYS}\"\nurl:\n  - x ${HOEM} ${}\n  - ${NOTHING_LIKE_IT}\n",
            variables: ["OPENAI_API_KEY": "s3cret", "HOME": "s3cret"])
        #expect(
            reading.report == """
                f.yaml:1:7: error: the variable 'OPENAI_API_KEYS' is not set and has no default; did you mean 'OPENAI_API_KEY'?
                    1 | key: "${OPENAI_API_KEYS}"
                      |       ^~~~~~~~~~~~~~~~~~
                f.yaml:3:15: error: '${}' needs a name; a literal '${' is written '$${'
                    3 |   - x ${HOEM} ${}
                      |               ^~~
                f.yaml:4:5: error: the variable 'NOTHING_LIKE_IT' is not set and has no default; set it in the environment, or in the file .env
                    4 |   - ${NOTHING_LIKE_IT}
                      |     ^~~~~~~~~~~~~~~~~~
                """)
    }

    @Test("several unset variables of one value are all reported")
    func several() {
        let reading = Reading("k: ${X} ${Y:-${Z}} ${A:-${W}}", variables: Self.variables)
        #expect(reading.diagnostics.items.map { $0.range?.start.column } == [4, 14])
    }

    @Test(
        "what is no variable is reported at its '${'",
        arguments: [
            ("${", 4), ("a ${", 6), ("${}", 4), ("${1X}", 4), ("${X-d}", 4), ("${X:d}", 4), ("${X:}", 4), ("${X", 4),
            ("${X:-d", 4), ("${X:-${Y}", 4),
            ("${A} ${ A}", 9), ("${X:-${}}", 9), ("$${A} ${é}", 10), ("${A.b}", 4), ("${A }", 4),
        ])
    func malformed(written: String, column: Int) {
        let reading = Reading("k: \(written)", variables: Self.variables)
        #expect(reading.codes == ["interpolation_syntax"])
        #expect(reading.diagnostics.items.first?.range?.start == Pipeline.SourceLocation(line: 1, column: column))
    }

    @Test("where escapes make a '${' the place is the value's beginning")
    func escapes() {
        let reading = Reading("k: \"\\x24{NO}\"", variables: [:])
        #expect(reading.codes == ["variable_not_set"])
        #expect(reading.diagnostics.items.first?.range == SourceRange(at: Pipeline.SourceLocation(line: 1, column: 4)))
    }

    @Test("a value with such an error keeps its text, and what else is said of it is left out")
    func settled() throws {
        let reading = Reading("a: ${NO}\nb: x\n", variables: [:])
        var diagnostics = reading.diagnostics
        for entry in try #require(reading.node?.entries) {
            diagnostics.error(.yamlSyntax, at: entry.value.range, "no number")
        }
        #expect(diagnostics.items.map(\.code) == [.variableNotSet, .yamlSyntax])
        #expect(reading.node?["a"]?.scalar?.text == "${NO}")
    }

    @Test("no report holds a variable's value")
    func secrecy() {
        let variables = ["KEY": "s3cret", "KEYS": "s3cret-2"]
        for text in [
            "k: ${KEY} ${KE}", "k: ${KEY} ${", "k: '${KEY:-${X}}${KEYZ}'", "k: |\n  ${KEY}\n  ${X}",
            "${KEY}: 1\n${KEY}: ${X}",
        ] {
            let reading = Reading(text, variables: variables)
            #expect(reading.diagnostics.hasErrors)
            let report = reading.report + DiagnosticFormatter.json(reading.diagnostics.items)
            #expect(!report.contains("s3cret"))
        }
    }

    @Test("nested defaults have a limit")
    func nesting() {
        let deep = String(repeating: "${N:-", count: 100_000)
        #expect(Reading("k: \(deep)", variables: [:]).codes == ["interpolation_syntax"])
        func nested(_ depth: Int) -> String {
            String(repeating: "${N:-", count: depth) + String(repeating: "}", count: depth)
        }
        #expect(Reading("k: \(nested(16))", variables: [:]).codes.isEmpty)
        #expect(Reading("k: \(nested(17))", variables: [:]).codes == ["interpolation_syntax"])
    }

    @Test("many large variables in a small file have a limit")
    func expansion() {
        let large = String(repeating: "x", count: 100_000)
        let reading = Reading("k:\n" + String(repeating: "- ${L}${L}\n", count: 10_000), variables: ["L": large])
        #expect(reading.codes.first == "yaml_too_large")
        let length = reading.node?["k"]?.elements?.reduce(0) { $0 + ($1.scalar?.text.utf8.count ?? 0) } ?? 0
        #expect(length < 9 << 20)
        #expect(Reading("k:\n" + String(repeating: "- ${L}\n", count: 80), variables: ["L": large]).codes.isEmpty)
    }
}
