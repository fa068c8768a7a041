import Pipeline
import TestRandom
import Testing

@testable import Resources

@Suite("Supabase's rows, whatever an API gives")
struct SupabaseOddRowsTests {
    private let rows = SupabaseRows(
        "requests", SupabaseAPI(SupabaseProject(url: "http://127.0.0.1:1", key: Secret("k"), timeout: .seconds(1))))

    private let good: [String: JSONValue] = [
        "id": .string("0197c2d4-4e7a-7cc1-a2c5-1f0a4be52e6d"), "session_id": .string("s"), "prompt": .string("p"),
        "response": .string("r"), "tokens_used": .string("3"), "metadata": .null, "username": .null, "user_id": .null,
        "created_at": .string("2026-01-31T12:00:00.25"),
    ]

    @Test("times without a time zone are UTC, and ids may be numbers")
    func forms() {
        var stored = good
        stored["id"] = .int(7)
        let row = rows.row(stored, ofSession: "s")
        #expect(row?.createdAt.description == "2026-01-31T12:00:00.250000Z")
        #expect(row?.idText == "7")
        #expect(row?.tokensUsed == 3)
        for (column, value) in [
            ("created_at", JSONValue.string("infinity")), ("created_at", .null), ("prompt", .null),
            ("tokens_used", .string("NaN")),
            ("tokens_used", .string("1e400")), ("tokens_used", .array([])), ("id", .object([:])),
        ] {
            var odd = good
            odd[column] = value
            #expect(rows.row(odd, ofSession: "s") == nil)
        }
    }

    @Test("no value ends the process")
    func anyValues() {
        var random = SplitMix(seed: 3)
        let values: [JSONValue] = [
            .null, .bool(true), .int(.max), .int(.min), .double(1e308), .double(-0.0), .string(""),
            .string("9223372036854775808"),
            .string("2026-01-31"), .string("\u{0}"), .array([.null]), .object(["a": .null]), .string("12.00"),
        ]
        for _ in 0..<20_000 {
            var stored = good
            for column in good.keys where Bool.random(using: &random) {
                stored[column] =
                    Int.random(in: 0..<20, using: &random) == 0 ? nil : values.randomElement(using: &random)
            }
            _ = rows.row(stored, ofSession: "s")
        }
    }
}
