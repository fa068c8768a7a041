import Glibc
import TestRandom
import TestPatience
import Testing

@testable import Pipeline

/// Not beside other tests of this suite, so that what is measured is the processor's time for this thread alone.
@Suite("The time of regular expressions", .serialized)
struct PatternTimeTests {
    /// A text that matches nowhere if it can be helped.
    private static func text(of unit: String, bytes: Int) -> String {
        var (random, text) = (SplitMix(seed: 5), "")
        let letters = unit.hasPrefix("?") ? Array(unit.dropFirst()) : []
        while text.utf8.count < bytes {
            text += letters.isEmpty ? unit : String(letters.randomElement(using: &random) ?? "a")
        }
        return text + "!"
    }

    /// The shortest of some runs, each of an expression that remembers nothing.
    private static func shortest(_ expression: String, _ text: String, runs: Int) throws -> Int {
        try (0..<runs).map { _ in
            let pattern = try Chain.Pattern(expression)
            return threadTime { _ = pattern.matches(text) }
        }.min() ?? 0
    }

    @Test("the list has 200 different expressions")
    func list() {
        #expect(Set((PatternList.ordinary + PatternList.backtracking).map(\.expression)).count >= 200)
    }

    @Test("64 KiB take at most 20 times what 4 KiB take, for each of the list")
    func linear() throws {
        for (expression, unit) in PatternList.ordinary + PatternList.backtracking {
            let (small, large) = (Self.text(of: unit, bytes: 4 << 10), Self.text(of: unit, bytes: 64 << 10))
            var ratio = Double.infinity
            for attempt in 1...4 where ratio > 20 {
                let times = (
                    try Self.shortest(expression, small, runs: 2 + attempt),
                    try Self.shortest(expression, large, runs: attempt)
                )
                ratio = min(ratio, Double(times.1) / Double(max(times.0, 1)))
                if getenv("PATTERN_TIMES") != nil { print("\(expression)\t\(times.0)\t\(times.1)") }
            }
            #expect(ratio <= 20, "\(expression)")
        }
    }
}
