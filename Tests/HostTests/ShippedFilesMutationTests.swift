import Pipeline
import TestRandom
import Testing

@Suite("Shipped pipeline files, damaged")
struct ShippedFilesMutationTests {
    @Test(
        "mutations of them give a chain or a diagnostic with its place, and never a crash",
        arguments: 0..<8 as Range<UInt64>)
    func mutations(seed: UInt64) async throws {
        var random = SplitMix(seed: seed)
        let loader = try ShippedFilesTests.loader
        let sources = ShippedFilesTests.sources.map { Array($0.text.utf8) }
        for number in 0..<rounds(12_500, usually: 1_500) {
            // Long loops that never wait would keep the other tests from running.
            await Task.yield()
            let original = sources[number % sources.count]
            let text = String(decoding: mutated(original, &random), as: UTF8.self)
            let loaded = loader.load(SourceFile(path: "mutant.yaml", text: text))
            let errors = loaded.diagnostics.filter { $0.severity == .error }
            #expect((loaded.file == nil) == !errors.isEmpty, "\(text)")
            #expect(errors.allSatisfy { $0.range != nil && !$0.message.isEmpty }, "\(text)")
        }
    }

    private static let fragments = [
        "{", "}", "[", "]", ":", ": ", "- ", "\n", "  ", "\t", "\"", "'", "#", "&a", "*a", "!!str", "${", "}", "$${",
        "async: true", "1s",
        "0", "-", "?", "|", ">", "%", "@", "\u{0}", "\u{FEFF}", "é", "null", "~", "---\n", "...", ",", "<<: *a",
    ]

    private func mutated(_ original: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = original
        for _ in 0...Int(random.next() % 3) {
            let place = Int(random.next() % UInt64(bytes.count + 1))
            let length = min(Int(random.next() % 12), bytes.count - place)
            switch random.next() % 5 {
            case 0: bytes.removeSubrange(place..<place + length)
            case 1:
                bytes.insert(
                    contentsOf: Self.fragments[Int(random.next() % UInt64(Self.fragments.count))].utf8, at: place)
            case 2:
                bytes.insert(
                    contentsOf: bytes[place..<place + length], at: Int(random.next() % UInt64(bytes.count + 1)))
            case 3 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            default: bytes.removeSubrange(place...)
            }
            if bytes.isEmpty { bytes = [0x20] }
        }
        return bytes
    }
}
