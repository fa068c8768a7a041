import TestRandom
import Testing

@testable import Pipeline

@Suite("Regular expressions")
struct PatternTests {
    @Test(
        "words, digits and spaces are Unicode's",
        arguments: [
            (#"^\w+$"#, "über", true),
            (#"^\w+$"#, "u\u{308}ber", true),
            (#"^\w+$"#, "слово_٣中", true),
            (#"^\w+$"#, "a b", false),
            (#"^\w+$"#, "a€b", false),
            (#"\W"#, "über_3", false),
            (#"\W"#, "über-3", true),
            (#"\bber\b"#, "über", false),
            (#"\bber\b"#, "ü ber", true),
            (#"\büber\b"#, "sage über das", true),
            (#"\büber\b"#, "(über)", true),
            (#"\büber\b"#, "überall", false),
            (#"\bstraße"#, "Hauptstraße", false),
            (#"\Bstraße"#, "Hauptstraße", true),
            (#"\b"#, "€ … \u{1F600}", false),
            (#"^\B$"#, "", true),
            (#"^\d{4}-\d{2}$"#, "2026-11", true),
            (#"^\d+$"#, "٣٤", true),
            (#"^\D+$"#, "٣٤", false),
            (#"^\s+$"#, " \u{A0}\u{3000}\u{2028}\t", true),
            (#"^[^\s]+$"#, "a\u{A0}", false),
            (#"^\S+$"#, "ü_€a", true),
            (#"^[\w.-]+@[\w-]+\.\w{2,}$"#, "jörg.öl_x@bücher-1.example", true),
            (#"^[^\w]+$"#, "€ -\u{1F600}", true),
            (#"^[^\w]+$"#, "€_", false),
            (#"^[\W\d]+$"#, "3 €٣", true),
            (#"^[\D]+$"#, "a_ü", true),
            (#"^[а-я\d]+$"#, "привет٣3", true),
            (#"^\p{L}+$"#, "Öl中", true),
            (#"^\p{Lu}\p{Ll}+$"#, "Öl", true),
            (#"^\p{Lu}\p{Ll}+$"#, "öL", false),
            (#"^\P{L}+$"#, "12_€٣", true),
            (#"^\P{L}+$"#, "12ü", false),
            (#"^[^\p{L}\d]+$"#, "_€", true),
            (#"^[\p{P}\w]+$"#, "a_«ü»!", true),
            (#"^[\p{P}\d]+$"#, "_3.«", true),
            (#"^[[:punct:]\d]+$"#, "_3.", true),
            (#"^\p{Greek}+\b"#, "λόγος x", true),
            (#"(?i)^ÜBER\b"#, "über", true),
            (#"(?i)^\p{Lu}+\b$"#, "öl", true),
            (#"(?i)^kelvin\b"#, "\u{212A}elvin", true),
            (#"(?i)^[k]elvin\b"#, "\u{212A}elvin", true),
            (#"(?i:ü)b\b"#, "Üb", true),
            (#"(?i:ü)b\b"#, "ÜB", false),
            (#"^.\b"#, "ü€", true),
            (#"^.\w.$"#, "€ü_", true),
            (#"^._l\b"#, "€ü", false),
            (#"\d"#, "_٣_", true),
            (#"^\Qa_b.ü\E\b"#, "a_b.ü", true),
            (#"^\x{FC}\b"#, "ü", true),
            (#"^\_\w"#, "_ü", true),
            (#"(?s)^a.b\b"#, "a\nb", true),
            (#"^a.b\b"#, "a\nb", false),
            (#"(?m)^\w+$"#, "€\nüb\n€", true),
            (#"(?<word>\w+) (?P<other>\w+)"#, "ü ö", true),
        ])
    func unicode(expression: String, text: String, matches: Bool) throws {
        #expect(try Chain.Pattern(expression).matches(text) == matches)
    }

    @Test(
        "they work on scalars, whatever these look like together",
        arguments: [
            ("secret", "secret\u{301}", true),
            ("\n", "a\r\nb", true),
            ("^.$", "\u{1F468}\u{200D}\u{1F469}", false),
            ("é", "e\u{301}", false),
            ("a\u{0}b", "xa\u{0}b", true),
            ("^a.b$", "a\u{0}b", true),
            ("^$", "", true),
            ("\u{10FFFF}", "\u{10FFFF}", true),
        ])
    func scalars(expression: String, text: String, matches: Bool) throws {
        #expect(try Chain.Pattern(expression).matches(text) == matches)
    }

    @Test(
        "what RE2 has not is named, with its place and another way to write it",
        arguments: [
            (#"(a)\1"#, 3..<5, "a back-reference"),
            (#"(?<n>a)\k<n>"#, 7..<9, "a back-reference"),
            (#"(?P<n>a)(?P=n)"#, 8..<12, "a back-reference"),
            (#"ü(?=b)"#, 1..<4, "a look-ahead, '(?='"),
            (#"a(?!b)"#, 1..<4, "'a(?:[^b]|$)'"),
            (#"(?<=a)b"#, 0..<4, "a look-behind"),
            (#"(?<!a)b"#, 0..<4, "a negative look-behind"),
            (#"(?>a)"#, 0..<3, "an atomic group, '(?>', which RE2 does not support; write '(?:'"),
            (#"a++"#, 1..<3, "a possessive quantifier, '++'"),
            (#"a{2}+"#, 3..<5, "a possessive quantifier, '{…}+'"),
            (#"\X"#, 0..<2, #"'\X'"#),
            (#"a\h"#, 1..<3, #"write '[\t\p{Zs}]'"#),
            (#"[\h]"#, 1..<3, #"'\h'"#),
            (#"\R"#, 0..<2, #"'\R'"#),
            (#"\Z"#, 0..<2, #"write '\n?\z'"#),
            (#"\C"#, 0..<2, #"'\C'"#),
            (#"\u0041"#, 0..<2, #"'\u'"#),
            (#"(?#x)"#, 0..<3, "a comment"),
            (#"(?|a)"#, 0..<3, "a branch reset"),
            (#"(?R)"#, 0..<3, "a recursion"),
            (#"(a)(?1)"#, 3..<6, "a recursion"),
            (#"(?(1)a)"#, 0..<3, "a condition"),
            (#"(*UTF)a"#, 0..<2, "a verb"),
            (#"(?x) a"#, 2..<3, "the flag 'x'"),
            (#"[a-z&&b]"#, 4..<6, "'&&' in a character class"),
            (#"\p{Letter}"#, 0..<10, #"as in '\p{Lu}'"#),
            (#"[\b]"#, 1..<3, #"write '\x08'"#),
        ])
    func unsupported(expression: String, range: Range<Int>, words: String) throws {
        let problem = try #require(throws: Chain.PatternProblem.self) { try Chain.Pattern(expression) }
        #expect(problem.range == range)
        #expect(problem.description.contains(words), "\(problem)")
        #expect(problem.description.contains("which RE2 does not support"))
    }

    @Test(
        "other ways to write it, as they are named, are good",
        arguments: [
            #"\P{M}\p{M}*"#, #"[\t\p{Zs}]"#, #"[^\t\p{Zs}]"#, #"(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])"#,
            #"[^\n-\r\x{85}\x{2028}\x{2029}]"#, #"[^\n]"#, #"(?s:.)"#, #"\n?\z"#, #"\A"#, #"\x1B"#, #"\x09"#,
            #"(?:^|[^a])b"#, #"a(?:[^b]|$)"#, #"\(\*"#, "[b-df-h]", #"\x08"#,
        ])
    func others(expression: String) throws {
        _ = try Chain.Pattern(expression)
        _ = try Chain.Pattern(#"\b"# + expression)
    }

    @Test(
        "what is no regular expression is said, with its place where that is certain",
        arguments: [
            ("(", "missing )", nil), ("a)", "unexpected )", 1..<2), ("[a", "missing ]", nil),
            ("x*a**", "bad repetition operator", 3..<5), ("*a", "no argument for repetition operator", 0..<1),
            ("a[b-a]", "invalid character class range", 2..<5), (#"a\"#, #"trailing \"#, nil),
            (#"\w[b-a]"#, "invalid character class range", 3..<6), (#"\y("#, "", nil),
            ("a{1001}", "invalid repetition size", 1..<7),
        ] as [(String, String, Range<Int>?)])
    func illFormed(expression: String, reason: String, range: Range<Int>?) throws {
        let problem = try #require(throws: Chain.PatternProblem.self) { try Chain.Pattern(expression) }
        #expect(problem.description.contains(reason), "\(problem)")
        if let range { #expect(problem.range == range) }
    }

    @Test("a program of more than 2,000 instructions is refused")
    func length() throws {
        _ = try Chain.Pattern("a{1000}b{900}")
        for expression in ["a{1000}b{1000}c", #"\p{Lo}\p{Lo}\p{Lo}"#, "(?:[^x]{1,90}y){1,10}", "(?:a{100}){11}"] {
            #expect(throws: Chain.PatternProblem.self, "\(expression)") { try Chain.Pattern(expression) }
        }
        #expect(throws: Chain.PatternProblem.self) { try Chain.Pattern(String(repeating: "[", count: 1 << 20)) }
        #expect(throws: Chain.PatternProblem.self) { try Chain.Pattern(String(repeating: "(", count: 10_000)) }
        #expect(throws: Chain.PatternProblem.self) {
            try Chain.Pattern("[" + String(repeating: "ab", count: 20_000) + "]")
        }
    }

    @Test("any number of messages use one at once")
    func together() async throws {
        let pattern = try Chain.Pattern(#"^(\w+ )*[ab]{3}\b(?:x|\d+)*$"#)
        let texts = (0..<200).map { number in
            String(repeating: "wörd ", count: number) + (number.isMultiple(of: 2) ? "abb" : "abc")
        }
        await withTaskGroup(of: [Bool].self) { group in
            for _ in 0..<8 { group.addTask { texts.map(pattern.matches) } }
            for await found in group { #expect(found == texts.indices.map { $0.isMultiple(of: 2) }) }
        }
    }
}
