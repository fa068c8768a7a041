import Pipeline
import TestRandom
import Testing

@Suite("Times in ISO 8601")
struct TimestampTests {
    @Test(
        "every form of one moment is read as that moment",
        arguments: [
            "2026-01-31T12:34:56.250000Z", "2026-01-31T12:34:56.25Z", "2026-01-31T12:34:56,25Z",
            "2026-01-31T12:34:56.25",
            "2026-01-31 12:34:56.25", "2026-01-31T12:34:56.250000+00:00", "2026-01-31T13:34:56.25+01:00",
            "2026-01-31T07:04:56.25-05:30", "2026-01-31 13:34:56.25+01", "2026-01-31T13:34:56.25+0100",
            "2026-01-31T12:34:56.25-00:00", "2026-01-31t12:34:56.25z", "20260131T123456.25Z", "20260131T133456.25+0100",
            "2026-031T12:34:56.25Z", "2026031T123456.25Z", "2026-W05-6T12:34:56.25Z", "2026W056T123456.25Z",
            "2026-01-31T12:34:56.250000000000000000000000001Z", "2026-01-31 12:34:56.25 UTC",
            "2026-01-31 12:34:56.25 +00:00",
            "  2026-01-31T12:34:56.25Z\r\n", "2026-02-01T00:34:56.25+12:00", "2026-01-31T12:34:56.25\u{2212}00:00",
            "2026-01-31T13:34:57.25+01:00:01",
        ])
    func forms(_ text: String) {
        #expect(Timestamp(iso8601: text)?.description == "2026-01-31T12:34:56.250000Z")
    }

    @Test(
        "what is left out is zero",
        arguments: [
            ("2026-01-31", "2026-01-31T00:00:00"), ("20260131", "2026-01-31T00:00:00"),
            ("2026-01", "2026-01-01T00:00:00"),
            ("2026-W01", "2025-12-29T00:00:00"), ("2026-01-31T12", "2026-01-31T12:00:00"),
            ("2026-01-31T12:30", "2026-01-31T12:30:00"), ("2026-01-31T1230", "2026-01-31T12:30:00"),
            ("2026-01-31T12.5", "2026-01-31T12:30:00"), ("2026-01-31T12:30.5Z", "2026-01-31T12:30:30"),
            ("2026-01-31T24:00:00Z", "2026-02-01T00:00:00"), ("2026-06-30T23:59:60Z", "2026-07-01T00:00:00"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00"), ("2020-W53-7", "2021-01-03T00:00:00"),
            ("2024-366", "2024-12-31T00:00:00"), ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ])
    func parts(_ text: String, _ meant: String) {
        #expect(Timestamp(iso8601: text)?.description == "\(meant).000000Z")
    }

    @Test(
        "what is no time is none",
        arguments: [
            "", " ", "x", "infinity", "T12:00", "12:00", "2026", "2026-1-1", "2026-13-01", "2026-00-01", "2026-02-29",
            "2026-04-31", "2026-01-31T", "2026-01-31T25:00", "2026-01-31T24:00:01", "2026-01-31T12:60",
            "2026-01-31T12:00:61",
            "2026-01-31T12:00:00.", "2026-01-31T12:00:00+", "2026-01-31T12:00:00+1", "2026-01-31T12:00:00+24:00",
            "2026-01-31T12:00:00Zx", "2026-W54-1", "2025-W53-1", "2026-W00-1", "2026-W05-8", "2026-366", "2026-000",
            "0000-01-01", "-001-01-01", "2026-01-31T12:00:00 EST", "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "1000000000000-1-1T1:1:1.12Z", "9223372036854775807-1-1T1:1:1Z", "２０２６-01-31", "2026-01-31T12:00:0é",
        ])
    func refused(_ text: String) {
        #expect(Timestamp(iso8601: text) == nil)
        #expect(Timestamp(text) == nil)
    }

    @Test("the exact form alone is the form of our own")
    func exact() {
        #expect(Timestamp("2026-01-31T12:34:56.250000Z")?.microseconds == 1_769_862_896_250_000)
        for text in ["2026-01-31T12:34:56.25Z", "2026-01-31 12:34:56.250000Z", "2026-02-29T12:34:56.250000Z"] {
            #expect(Timestamp(text) == nil)
        }
    }

    @Test("every time can be written, and those of ordinary years read back")
    func anyTime() {
        for edge in [Int64.min, .min + 1, -62_167_219_200_000_001, -1, 0, 253_402_300_800_000_000, .max - 1, .max] {
            #expect(!Timestamp(microseconds: edge).description.isEmpty)
        }
        #expect(Timestamp(microseconds: 253_402_300_800_000_000).description == "+010000-01-01T00:00:00.000000Z")
        #expect(Timestamp(microseconds: -62_167_219_200_000_001).description == "-000001-12-31T23:59:59.999999Z")
        var random = SplitMix(seed: 1)
        for _ in 0..<10_000 {
            let time = Timestamp(
                microseconds: .random(in: -62_135_596_800_000_000...253_402_300_799_999_999, using: &random))
            #expect(Timestamp(time.description) == time)
        }
    }

    @Test("no text ends the process")
    func anyText() {
        var random = SplitMix(seed: 2)
        let alphabet = Array("0123456789-:.TZW+ ,/é".unicodeScalars)
        for _ in 0..<20_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0...30, using: &random) {
                text.append(alphabet.randomElement(using: &random) ?? "0")
            }
            if let time = Timestamp(iso8601: String(text)) { #expect(Timestamp(time.description) == time) }
        }
    }
}

@Suite("Rows of other programs")
struct StoredRowTests {
    private func row(_ id: String) -> Row {
        Row(
            storedID: id, sessionID: "s", prompt: "p", response: "r", username: "ada",
            createdAt: Timestamp(microseconds: 0))
    }

    @Test("an id of any form is kept, and the same text is the same row")
    func ids() {
        let own = UniqueID.timeOrdered(at: .now)
        #expect(row(own.description).id == own)
        #expect(row(own.description).storedID == nil)
        let upper = own.description.uppercased()
        #expect(row(upper).id == own)
        #expect(row(upper).idText == upper)
        let ids = ["", "1", "2", "-1", "one", "ﬁ", "fi", String(repeating: "x", count: 100_000)]
        for id in ids {
            #expect(row(id).idText == id)
            #expect(row(id) == row(id))
            #expect(row(id).id.isStandardVariant && row(id).id.version == 8)
        }
        #expect(Set(ids.map { row($0).id }).count == ids.count)
    }
}
