import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Scalars mean what YAML 1.2's core schema says")
struct ScalarValueTests {
    @Test("nothing", arguments: ["", "~", "null", "Null", "NULL"])
    func null(text: String) { #expect(Scalar(text).value == .null) }

    @Test("true booleans", arguments: ["true", "True", "TRUE"])
    func yes(text: String) { #expect(Scalar(text).value == .bool(true)) }

    @Test("false booleans", arguments: ["false", "False", "FALSE"])
    func no(text: String) { #expect(Scalar(text).value == .bool(false)) }

    @Test(
        "whole numbers",
        arguments: [
            ("0", 0), ("017", 17), ("-0", 0), ("+12", 12), ("-12", -12), ("0o17", 15), ("0x1F", 31), ("0xff", 255),
            ("9223372036854775807", .max),
            ("-9223372036854775808", .min),
        ])
    func int(text: String, value: Int) { #expect(Scalar(text).value == .int(value)) }

    @Test(
        "other numbers",
        arguments: [
            ("1.5", 1.5), ("1.", 1), (".5", 0.5), ("-.5", -0.5), ("1e3", 1_000), ("1E+3", 1_000), ("12e-1", 1.2),
            (".inf", .infinity),
            ("-.INF", -.infinity), ("+.Inf", .infinity), ("9223372036854775808", 0x1p63), ("1e400", .infinity),
            ("0xFFFFFFFFFFFFFFFFFF", 0x1p72), ("0o7777777777777777777777", 0x1p66),
        ] as [(String, Double)])
    func float(text: String, value: Double) { #expect(Scalar(text).value == .float(value)) }

    @Test("not a number", arguments: [".nan", ".NaN", ".NAN"])
    func nan(text: String) {
        guard case .float(let value) = Scalar(text).value else {
            Issue.record("\(text) is no number")
            return
        }
        #expect(value.isNaN)
    }

    @Test(
        "everything else is a string",
        arguments: [
            "no", "yes", "on", "off", "nULL", "tRUE", "0x", "0o8", "0xG", "0x+1", "-0x1", "0b1", "1_000", "1e", "e3",
            ".", "-", "+", "1.2.3", "--1",
            "inf", "nan", "infinity", "0x1p3", "1 2", " 1", "٣", "1٣", "30s", "+.nan", "1e3 ", ".e1", "12:30",
        ])
    func string(text: String) { #expect(Scalar(text).value == .string(text)) }

    @Test(
        "quoted and block scalars are strings",
        arguments: [Scalar.Style.singleQuoted, .doubleQuoted, .literal, .folded])
    func quoted(style: Scalar.Style) {
        #expect(Scalar("30", style: style).value == .string("30"))
        #expect(Scalar("", style: style).value == .string(""))
        #expect(Scalar("30", written: "${N}", style: style, isInterpolated: true).value == .int(30))
        #expect(Scalar("", written: "${N:-}", style: style, isInterpolated: true).value == .null)
    }

    @Test("printing a scalar shows what was written, never a variable's value")
    func printing() {
        let scalar = Scalar("s3cret", written: "${KEY}", style: .plain, isInterpolated: true)
        var dumped = ""
        dump(scalar, to: &dumped)
        for text in ["\(scalar)", String(reflecting: scalar), dumped] {
            #expect(text.contains("${KEY}"))
            #expect(!text.contains("s3cret"))
        }
        #expect(!"\(Node(content: .scalar(scalar), range: SourceRange(at: .start)))".contains("s3cret"))
    }
}
