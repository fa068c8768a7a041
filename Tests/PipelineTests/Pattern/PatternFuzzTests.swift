import TestRandom
import Testing

@testable import Pipeline

@Suite("Any text is a regular expression or none, never more")
struct PatternFuzzTests {
    private static let pieces = [
        "a", "Z", "ü", "_", "5", "€", "\u{301}", "\\", "\\p", "\\P", "{", "}", "[", "]", "[^", "[:", ":]", "alpha", "-",
        "(",
        "(?", "(?:", "(?P<", "(?<", "<n>", ">", ")", "?", "*", "+", "|", "^", "$", ".", ",", "1", "3", "\\Q", "\\E",
        "\\x",
        "\\x{", "FF", "\\0", "\\8", "\\b", "\\B", "\\w", "\\W", "\\d", "\\S", "\\A", "\\z", "\\pL", "Lu", "Greek", "&&",
        "i",
        "s", ":", "{2}", "{1,3}", "\n", "\0",
    ]

    @Test("any of them is accepted or refused with a place inside", arguments: 0..<8)
    func anyText(seed: Int) async {
        var random = SplitMix(seed: UInt64(seed) + 77)
        var accepted = 0
        let count = rounds(2_500, usually: 400)
        for _ in 0..<count {
            await Task.yield()
            let pieces = (0..<Int.random(in: 1...7, using: &random)).map { _ in
                Self.pieces.randomElement(using: &random) ?? ""
            }
            let expression = pieces.joined()
            do {
                let pattern = try Chain.Pattern(expression)
                for text in ["", "a", "_ü€\u{301}5", expression] { _ = pattern.matches(text) }
                accepted += 1
            } catch {
                guard let range = error.range else { continue }
                let length = expression.unicodeScalars.count
                #expect(range.lowerBound >= 0 && range.upperBound <= length, "\(expression.debugDescription)")
            }
        }
        #expect(accepted > count / 5)
    }
}
