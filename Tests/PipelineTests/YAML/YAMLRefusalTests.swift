import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("What is no YAML, or more than pipeline files have, is refused at its place")
struct YAMLRefusalTests {
    /// A file and the whole report it must give.
    struct Golden: CustomTestStringConvertible, Sendable {
        let text: String
        let report: String
        var testDescription: String { text.debugDescription }

        init(_ text: String, _ report: String) {
            self.text = text
            self.report = report
        }
    }

    @Test("the report is exactly this", arguments: syntax + structure)
    func reports(golden: Golden) {
        #expect(Reading(golden.text).report == golden.report)
    }

    static let syntax = [
        Golden(
            "stages: [a, b\nnext: c\n",
            """
            f.yaml:1:9: error: '[' is not closed: expected ',' or ']'
                1 | stages: [a, b
                  |         ^
            """),
        Golden(
            "a: [",
            """
            f.yaml:1:4: error: this bracket is not closed
                1 | a: [
                  |    ^
            """),
        Golden(
            "a: \"never closed\nb: 1\n",
            """
            f.yaml:1:4: error: this quote is not closed
                1 | a: "never closed
                  |    ^
            """),
        Golden(
            "a: b: c\n",
            """
            f.yaml:1:5: error: a second ':' in one line; put a value that holds ': ' in quotes, and settings in braces, as in {key: value}
                1 | a: b: c
                  |     ^
            """),
        Golden(
            "a: b\n  c: d\n",
            """
            f.yaml:2:4: error: a ':' can't stand here; is the line indented too far?
                2 |   c: d
                  |    ^
            """),
        Golden(
            "stages:\n  - a\n- b\nc: 1\n",
            """
            f.yaml:3:1: error: this '-' has no space before it; the '-' of the list above it, in line 2, has 2
                3 | - b
                  | ^
            """),
        Golden(
            "a:\n  b: 1\n c: 2\n",
            """
            f.yaml:3:2: error: 'c' has 1 space before it; to stand beside 'b' in line 2 it needs 2, beside 'a' in line 1 none
                3 |  c: 2
                  |  ^
            """),
        Golden(
            "a: 1\r\nfoo bar\r\nb: 2\r\n",
            """
            f.yaml:2:1: error: a ':' is missing after 'foo': write 'foo: bar'
                2 | foo bar
                  | ^~~~~~~
            """),
        Golden(
            "a: *.txt\n",
            """
            f.yaml:1:4: error: '*' begins an alias; put the value in quotes
                1 | a: *.txt
                  |    ^
            """),
        Golden(
            "a: \"\\d+\"\n",
            """
            f.yaml:1:5: error: '\\d' is no escape; write '\\\\d' for a backslash, or use single quotes
                1 | a: "\\d+"
                  |     ^~
            """),
        Golden(
            "a: {url: ${HOME}}\n",
            """
            f.yaml:1:10: error: inside [ ] and { } a variable must be in quotes: "${HOME}"
                1 | a: {url: ${HOME}}
                  |          ^~
            """),
        Golden(
            "a: 'x' 'y'\n",
            """
            f.yaml:1:8: error: the value ends before this; put all of it in quotes, or this on a line of its own
                1 | a: 'x' 'y'
                  |        ^
            """),
        Golden(
            "a:\n  b:\n\t  c: 1\n",
            """
            f.yaml:3:1: error: a tab can't stand here: YAML is indented with spaces
                3 | \t  c: 1
                  | ^
            """),
        Golden(
            "a:\n  b: 1\n  \tc: 1\n",
            """
            f.yaml:3:3: error: a tab can't stand here: YAML is indented with spaces
                3 |   \tc: 1
                  |   ^
            """),
        Golden(
            "a: @x\n",
            """
            f.yaml:1:4: error: '@' can't begin a value; put the value in quotes
                1 | a: @x
                  |    ^
            """),
    ]

    static let structure = [
        Golden(
            "a: 1\nb: 2\na: 3\nb: 4\n",
            """
            f.yaml:3:1: error: the key 'a' is there already, in line 1
                3 | a: 3
                  | ^
            f.yaml:4:1: error: the key 'b' is there already, in line 2
                4 | b: 4
                  | ^
            """),
        Golden(
            "a: {key: 1, \"key\": 2}\n",
            """
            f.yaml:1:13: error: the key 'key' is there already, in line 1
                1 | a: {key: 1, "key": 2}
                  |             ^~~~~
            """),
        Golden(
            "[a, b]: 1\n? {c: d}\n: 2\n\"\": 3\n",
            """
            f.yaml:1:1: error: a key must be a word, not a list or a mapping
                1 | [a, b]: 1
                  | ^~~~~~
            f.yaml:2:3: error: a key must be a word, not a list or a mapping
                2 | ? {c: d}
                  |   ^~~~~~
            f.yaml:4:1: error: a key must be a word, not empty
                4 | "": 3
                  | ^~
            """),
        Golden(
            ": b\n",
            """
            f.yaml:1:1: error: a key is missing before this ':'
                1 | : b
                  | ^
            """),
        Golden(
            "a: &base {x: 1}\nb: *base\nc: [*base, 1]\n",
            """
            f.yaml:1:4: error: anchors are not supported; write the value out wherever it is needed
                1 | a: &base {x: 1}
                  |    ^~~~~
            f.yaml:2:4: error: aliases are not supported; write the value out instead of '*base'
                2 | b: *base
                  |    ^~~~~
            f.yaml:3:5: error: aliases are not supported; write the value out instead of '*base'
                3 | c: [*base, 1]
                  |     ^~~~~
            """),
        Golden(
            "a:\n  <<: *base\n  x: 1\n",
            """
            f.yaml:2:3: error: merge keys are not supported; write the keys out instead of '<<'
                2 |   <<: *base
                  |   ^~
            """),
        Golden(
            "a: !!str 30\nb: !x &y z\n",
            """
            f.yaml:1:4: error: tags are not supported; quotes make a string, other values are what they look like
                1 | a: !!str 30
                  |    ^~~~~
            f.yaml:2:4: error: tags are not supported; quotes make a string, other values are what they look like
                2 | b: !x &y z
                  |    ^~
            f.yaml:2:7: error: anchors are not supported; write the value out wherever it is needed
                2 | b: !x &y z
                  |       ^~
            """),
        Golden(
            "a: 1\n---\nb: 2\n---\n",
            """
            f.yaml:2:1: error: a second document begins here; a file has one, put the other in a file of its own
                2 | ---
                  | ^~~
            """),
        Golden(
            "%TAG ! x\n---\na: 1\n",
            """
            f.yaml:1:1: error: directives are not supported; remove this line
                1 | %TAG ! x
                  | ^~~~~~~~
            """),
        Golden(
            "# nothing\n\n",
            """
            f.yaml:1:1: error: there is nothing in the file
                1 | # nothing
                  | ^
            """),
        Golden(
            "a: x\u{1B}[31m\n",
            """
            f.yaml:1:5: error: the character U+001B is not allowed here; in double quotes it can be written as an escape
                1 | a: x␛[31m
                  |     ^
            """),
        Golden(
            "# x\u{2028}key: hidden\na: 1\n",
            """
            f.yaml:1:4: error: the character U+2028 is not allowed here; in double quotes it can be written as an escape
                1 | # x\u{FFFD}key: hidden
                  |    ^
            """),
    ]

    @Test(
        "each kind of problem has its code",
        arguments: [
            ("", "empty"), ("---\n", "empty"), ("a: 1\n...\nb: 2\n", "yaml_syntax"),
            ("a: 1\n--- x\n", "yaml_documents"),
            ("a: \u{0}", "yaml_character"), ("a: \"\\0\"", "yaml_character"), ("a: \u{7F}", "yaml_character"),
            ("a: \u{85}", "yaml_character"),
            ("a: \u{FEFF}", "yaml_character"), ("a: >\n\tx\n", "yaml_tab"), ("a: !x!y z", "yaml_tag"),
            ("a: [1, , 2]", "yaml_syntax"),
            ("a: ]", "yaml_syntax"), ("a: | x", "yaml_syntax"), ("a: - b", "yaml_syntax"),
            ("a: \"\\ud800\"", "yaml_syntax"),
            ("a: \"\\xzz\"", "yaml_syntax"), ("a: |0\n  x", "yaml_syntax"), ("a: &", "yaml_syntax"),
            ("%YAML 1.2\na: 1", "yaml_syntax"),
            ("- a\nb: 1", "yaml_syntax"), ("'a", "yaml_syntax"), ("a: {b: 1, c", "yaml_syntax"),
            ("stages:\n- a\n-b\n", "yaml_syntax"),
        ])
    func codes(text: String, code: String) {
        let reading = Reading(text)
        #expect(reading.codes == [code])
        #expect(reading.node == nil)
        #expect(reading.diagnostics.items.allSatisfy { $0.range != nil && !$0.message.isEmpty })
    }

    @Test(
        "errors that leave the tree usable keep it: the first of two keys, values without anchors, aliases as text"
    )
    func usable() {
        #expect(Reading("a: 1\na: 2\nb: 3\n").node?.outline == "{'a': '1', 'b': '3'}")
        #expect(Reading("a: &x [1]\nb: *x\n[c]: d\n").node?.outline == "{'a': ['1'], 'b': '*x'}")
        #expect(Reading("a: &x\nb: 1\n").node?.outline == "{'a': '', 'b': '1'}")
    }

    @Test("a merge leaves no tree, since the keys it stands for would be reported missing")
    func merge() {
        #expect(Reading("a:\n  <<: [*x, *y]\n").node == nil)
        #expect(Reading("'<<': 1").node?.outline == "{'<<': '1'}")
    }

    @Test("what follows from an error at the same value is not reported")
    func settled() throws {
        let reading = Reading("a: *x\nb: 1\n")
        var diagnostics = reading.diagnostics
        let root = try #require(reading.node)
        for entry in try #require(root.entries) {
            diagnostics.error(.init(rawValue: "wrong"), at: entry.value.range, "wrong")
        }
        #expect(diagnostics.items.map(\.code.rawValue) == ["yaml_alias", "wrong"])
    }
}
