import Testing

@testable import Pipeline

@Suite("What a diagnostic says to write")
struct CureTests {
    @Test(
        "a line for a shell is a list that YAML reads as its words",
        arguments: [
            ("python3 stage.py", "[python3, stage.py]", ["python3", "stage.py"]),
            (#"sh -c "cat -n""#, #"[sh, -c, "cat -n"]"#, ["sh", "-c", "cat -n"]),
            ("ls *.txt", #"[ls, "*.txt"]"#, ["ls", "*.txt"]),
            ("cat -", #"[cat, "-"]"#, ["cat", "-"]),
            ("tail -n 5 /a/b_c.log", #"[tail, -n, "5", /a/b_c.log]"#, ["tail", "-n", "5", "/a/b_c.log"]),
            (#"jq '.a | {b: "c"}'"#, #"[jq, ".a | {b: \"c\"}"]"#, ["jq", #".a | {b: "c"}"#]),
            (#"a\ b "c\d \" e" '' x"y"z"#, #"["a b", "c\\d \" e", "", xyz]"#, ["a b", #"c\d " e"#, "", "xyz"]),
            ("!x &y @z %w `v >u ?t ~ null true", nil, ["!x", "&y", "@z", "%w", "`v", ">u", "?t", "~", "null", "true"]),
            (#"end \"#, nil, ["end", #"\"#]),
        ] as [(String, String?, [String])])
    func words(line: String, list: String?, words: [String]) throws {
        if let list { #expect(line.asWords == list) }
        let source = SourceFile(path: "x.yaml", text: "\(line.asWords)\n")
        var reader = SettingReader(source: source)
        let node = try #require(YAMLReader.read(source, into: &reader.diagnostics), "\(line.asWords)")
        #expect([String].read(node, with: &reader) == words)
        #expect(reader.diagnostics.items.isEmpty)
    }
}

/// A stage with settings that are for others to read.
private struct Taker: Stage {
    static let name = "taker"
    static let summary = "Takes anything."

    @Setting("Whatever.") var free = JSONSetting(.null)
    @Setting("What parts them.") var separator = ","
    @Setting("A key.") var key = Secret("")

    func run(_ message: inout Message) async throws {}
}

@Suite("Values that are probably not meant")
struct SlipTests {
    private func messages(_ stage: String) throws -> [String] {
        let registry = try Registry(stages: [Entry.self, Taker.self, Answer.self, Reply.self])
        let text = "pipeline: test\nstages:\n  - entry\n  - \(stage)\n  - answer\n  - reply\n"
        let loaded = PipelineLoader(registry: registry, environment: Environment()).load(
            SourceFile(path: "test.yaml", text: text))
        #expect(!loaded.report.contains("sk-live"))
        return loaded.diagnostics.map(\.message)
    }

    @Test(
        "are not those of settings that take anything, of tests of what clients send, and separators",
        arguments: [
            #"taker: {free: "{{ m.content }}"}"#, "taker: {free: {a: [$STOP, “x”, a;], b: ~/c}}",
            "taker: {separator: ;}", #"taker: {separator: ","}"#, "taker: {separator: ;;}",
            "{taker: {}, when: {prompt: {equals: $HELP}}}", "{taker: {}, when: {prompt: {one_of: [$STOP, b;]}}}",
            "{taker: {}, when: {prompt: {starts_with: ~/}}}",
        ])
    func none(stage: String) throws {
        #expect(try messages(stage) == [])
    }

    @Test(
        "are shown, unless they are secrets",
        arguments: [
            ("taker: {separator: x;}", "the ';' is part of the text of 'separator' of stage 'taker': write x"),
            ("taker: {key: sk-live;}", "the ';' at the end of 'key' of stage 'taker' is part of it"),
            ("taker: {key: “sk-live”}", "the quotes of 'key' of stage 'taker' are typographic, and part of it"),
            (
                #"taker: {separator: "{{.*}}"}"#,
                "'{{.*}}' is used literally by 'separator' of stage 'taker', which takes no fields of the message"
            ),
            (
                #"taker: {key: "{{ sk-live }}"}"#,
                "'{{…}}' is used literally by 'key' of stage 'taker', which takes no fields of the message"
            ),
            (
                "taker: {key=sk-live}",
                "unknown setting 'key=…' of stage 'taker': YAML has ':' in place of '='; write 'key: …'"
            ),
            (
                "taker: key=sk-live",
                "what follows stage 'taker' must be a mapping of its settings, not a string; write 'key: …'"
            ),
            ("taker: {key: a,sk-live}", "a comma ends the value of 'key': put a text with commas in quotes"),
        ])
    func shown(stage: String, message: String) throws {
        #expect(try messages(stage) == [message])
    }
}
