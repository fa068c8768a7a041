import Pipeline
import TestRandom
import Testing

@testable import Resources

@Suite("Answers as vendors send them")
struct VendorAnswersTests {
    @Test("there is an answer, a stream and an error of each vendor")
    func kinds() {
        let vendors = Dictionary(grouping: VendorCase.all, by: \.vendor)
        #expect(vendors.count >= 20)
        for (vendor, cases) in vendors {
            #expect(cases.contains { !$0.isStreamed && $0.expected["text"] != nil }, "\(vendor) has no answer")
            #expect(cases.contains { $0.isStreamed && $0.expected["text"] != nil }, "\(vendor) has no stream")
            #expect(cases.contains { $0.expected["error"] != nil }, "\(vendor) has no error")
        }
    }

    @Test("each is what its file says, however it is cut", arguments: VendorCase.all)
    func answers(vendorCase: VendorCase) throws {
        for size in [Int.max, 1, 7] {
            let outcome = VendorOutcome(vendorCase.body, vendorCase, inPiecesOf: size)
            try check(outcome, vendorCase.expected)
            if case .string(let never)? = vendorCase.expected["never"] {
                #expect(!outcome.deltas.joined().contains(never))
            }
            // What comes in one piece is thought about before.
            if vendorCase.expected["thinks"] == .bool(true), size < 100 { #expect(outcome.isThinking) }
            guard vendorCase.isStreamed else { break }
        }
    }

    private func check(_ outcome: VendorOutcome, _ expected: [String: JSONValue]) throws {
        switch outcome.result {
        case .success(let completion):
            #expect(.string(completion.text) == expected["text"])
            if let tokens = expected["tokens"] { #expect(completion.tokensUsed.map(JSONValue.int) == tokens) }
            if let reason = expected["finish_reason"] {
                #expect(completion.finishReason.map(JSONValue.string) == reason)
            }
            if !outcome.deltas.isEmpty { #expect(outcome.deltas.joined() == completion.text) }
            guard case .object(let stored)? = JSONValue(json: completion.response ?? "") else {
                Issue.record("stored is \(completion.response ?? "nothing")")
                return
            }
            if case .object(let members)? = expected["stored"] {
                for (key, value) in members { #expect(stored[key] == value) }
            }
        case .failure(let error):
            #expect(.string(error.code.rawValue) == expected["error"], "\(error)")
            if case .string(let said)? = expected["log"] { #expect(error.detail?.contains(said) == true, "\(error)") }
            if let deltas = expected["deltas"] { #expect(.string(outcome.deltas.joined()) == deltas) }
        }
    }

    @Test(
        "mutations of them give an answer that is in it, or an error that says why",
        arguments: 0..<8 as Range<UInt64>)
    func mutations(seed: UInt64) async {
        var random = SplitMix(seed: seed)
        let cases = VendorCase.all
        for number in 0..<rounds(1_250, usually: 250) {
            // Long loops that never wait would keep the other tests from running.
            await Task.yield()
            let vendorCase = cases[(number + Int(seed)) % cases.count]
            let body = mutated(vendorCase.body, by: cases[Int(random.next() % UInt64(cases.count))].body, &random)
            let outcome = VendorOutcome(body, vendorCase, inPiecesOf: 1 + Int(random.next() % 300))
            let shown = String(decoding: body, as: UTF8.self)
            var text = outcome.deltas.joined()
            switch outcome.result {
            case .success(let completion):
                #expect(!vendorCase.isStreamed || completion.text == text, "\(shown)")
                text = completion.text
                let stored = Array((completion.response ?? "").utf8)
                let isJSON = stored.withUnsafeBytes { try? JSONReader.value(of: $0, isLenient: true) } != nil
                #expect(isJSON, "\(shown) is stored as \(completion.response ?? "nothing")")
            case .failure(let error):
                #expect(error.detail?.isEmpty == false, "\(shown)")
            }
            #expect(isIn(body, text), "\(shown) became \(text)")
        }
    }

    private static let fragments = [
        "{", "}", "[", "]", "\"", "\\", "\\u", "\\ud83d", "\\ude00", ",", ":", "null", "NaN", "-Infinity", "1e999",
        "[DONE]",
        "\n", "\n\n", "\r", "data: ", "data:\n\n", "event: error\n", ": x\n", "\u{FEFF}", "\u{0}", "é😀", "\"error\":",
        "\"code\":503,",
        "\"content\":", "\"choices\":[],", "\"finish_reason\":\"stop\",", "\"object\":\"error\",", "\"index\":1,",
    ]

    private func mutated(_ original: [UInt8], by other: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = original
        for _ in 0...Int(random.next() % 4) {
            let start = Int(random.next() % UInt64(bytes.count + 1))
            let length = min(Int(random.next() % 40), bytes.count - start)
            switch random.next() % 7 {
            case 0: bytes.removeSubrange(start..<start + length)
            case 1, 2:
                let fragment = Self.fragments[Int(random.next() % UInt64(Self.fragments.count))]
                bytes.insert(contentsOf: fragment.utf8, at: start)
            case 3:
                bytes.insert(
                    contentsOf: bytes[start..<start + length], at: Int(random.next() % UInt64(bytes.count + 1)))
            case 4 where start < bytes.count: bytes[start] = UInt8(truncatingIfNeeded: random.next())
            case 5:
                let from = Int(random.next() % UInt64(other.count + 1))
                bytes.replaceSubrange(start..<start + length, with: other[from..<min(other.count, from + 200)])
            default: if random.next() % 4 == 0 { bytes.removeSubrange(start...) }
            }
        }
        return bytes
    }

    /// Whether a text's units of UTF-16 come in a body in the same order, what could not be read of it aside.
    private func isIn(_ body: [UInt8], _ text: String) -> Bool {
        var units = unescaped(body)[...]
        for unit in text.utf16 where unit != 0xFFFD {
            guard let index = units.firstIndex(of: unit) else { return false }
            units = units[(index + 1)...]
        }
        return true
    }

    private func unescaped(_ body: [UInt8]) -> [UInt16] {
        var units = Array(String(decoding: body, as: UTF8.self).utf16)[...]
        var result: [UInt16] = []
        let escapes: [UInt16: UInt16] = [0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9]
        while let unit = units.popFirst() {
            guard unit == 0x5C, let escape = units.popFirst() else {
                result.append(unit)
                continue
            }
            if escape == 0x75, let code = UInt16(String(decoding: units.prefix(4), as: UTF16.self), radix: 16) {
                units = units.dropFirst(4)
                result.append(code)
            } else {
                result.append(escapes[escape] ?? escape)
            }
        }
        return result
    }
}
