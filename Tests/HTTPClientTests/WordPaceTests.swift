import Testing

@testable import HTTPClient

@Suite("The pace of words")
struct WordPaceTests {
    private func pace(of words: Int, _ perSecond: Int) -> WordPace {
        var (pace, now) = (WordPace(), ContinuousClock.now)
        for _ in 0..<words {
            pace.note(1, at: now)
            now += .seconds(1) / perSecond
        }
        return pace
    }

    @Test("lets few words be worked on as they come", arguments: [1, 10, 100, 150])
    func few(perSecond: Int) {
        #expect(pace(of: perSecond, perSecond).wait == nil)
    }

    @Test(
        "has more of them wait for each other, the less the more there are",
        arguments: [
            (300, Duration.milliseconds(14)..<(.milliseconds(16))), (2_500, .milliseconds(12)..<(.milliseconds(14))),
            (10_000, .milliseconds(3)..<(.milliseconds(4))), (100_000, .milliseconds(1)..<(.milliseconds(2))),
        ])
    func many(perSecond: Int, wait: Range<Duration>) throws {
        #expect(wait.contains(try #require(pace(of: perSecond, perSecond).wait)))
    }

    @Test("is known anew when there are few again")
    func change() {
        var pace = pace(of: 2_500, 2_500)
        #expect(pace.wait != nil)
        let later = ContinuousClock.now + .seconds(60)
        pace.note(1, at: later)
        pace.note(1, at: later + .milliseconds(500))
        #expect(pace.wait == nil)
    }

    @Test("has words worked on in small shares while calls begin, and all at once otherwise")
    func shares() {
        let now = ContinuousClock.now
        func share(_ words: Int, lastCall: Duration?) -> Int {
            WordPace.share(of: words, lastCall: lastCall.map { now - $0 }, now: now)
        }
        #expect(share(16, lastCall: .zero) == 2)
        #expect(share(16, lastCall: .milliseconds(99)) == 2)
        #expect(share(16, lastCall: .milliseconds(100)) == 16)
        #expect(share(16, lastCall: nil) == 16)
        #expect(share(0, lastCall: nil) == 1)
    }
}
