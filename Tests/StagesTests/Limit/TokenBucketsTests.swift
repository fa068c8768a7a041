import TestPatience
import Testing

@testable import Pipeline
@testable import Stages

@Suite("Token buckets")
struct TokenBucketsTests {
    private let start = ContinuousClock.now

    private func key(_ number: Int) -> ClientKey { ClientKey(.name, "name \(number)") }

    @Test("the hundred-thousandth name costs what the first did, and no more than 100,000 are kept")
    func manyNames() {
        let buckets = TokenBuckets()
        let times = (0..<150).map { thousand in
            threadTime {
                for number in 0..<1_000 {
                    _ = buckets.take(key(thousand * 1_000 + number), capacity: 20, every: .seconds(3_600), now: start)
                }
            }
        }
        #expect(buckets.count <= 2 * TokenBuckets.share && buckets.count > TokenBuckets.share / 2)
        // The middle of each: now and then a table grows.
        let (first, last) = (times[..<10].sorted()[5], times[140...].sorted()[5])
        #expect(last < 5 * first, "\(first) ns for a thousand messages, then \(last)")
    }

    @Test("buckets that are full again are forgotten")
    func fullOnes() {
        let buckets = TokenBuckets()
        for number in 0...10_000 { _ = buckets.take(key(number), capacity: 2, every: .seconds(1), now: start) }
        #expect(buckets.count == 10_001)
        for second in 1...3 {
            _ = buckets.take(key(-1), capacity: 2, every: .seconds(1), now: start + .seconds(second))
        }
        #expect(buckets.count < 10)
    }

    @Test("who goes on sending gets no more for others' being forgotten")
    func noRefill() {
        let buckets = TokenBuckets()
        let hour = Duration.seconds(3_600)
        func take(_ number: Int) -> Bool { buckets.take(key(number), capacity: 3, every: hour, now: start) == nil }
        var taken = 0
        for number in 0..<200_000 {
            if number.isMultiple(of: 10_000), take(-1) { taken += 1 }
            _ = take(number)
        }
        #expect(taken == 3)
    }

    @Test("one that was forgotten is full, and never more than full")
    func full() {
        let buckets = TokenBuckets()
        for number in 0..<150_000 { _ = buckets.take(key(number), capacity: 3, every: .seconds(3_600), now: start) }
        let later = start + .seconds(100_000)
        for now in [start, later] {
            let taken = (0..<10).filter { _ in
                buckets.take(key(0), capacity: 3, every: .seconds(3_600), now: now) == nil
            }
            #expect(taken.count == 3)
        }
    }

    @Test("it is refilled evenly")
    func refill() throws {
        let buckets = TokenBuckets()
        func take(after time: Duration) -> Duration? {
            buckets.take(key(0), capacity: 2, every: .seconds(10), now: start + time)
        }
        #expect(take(after: .zero) == nil && take(after: .zero) == nil)
        #expect(try #require(take(after: .seconds(1))) == .seconds(4))
        #expect(take(after: .seconds(5)) == nil)
        #expect(take(after: .seconds(9)) != nil)
        #expect(
            take(after: .seconds(40)) == nil && take(after: .seconds(40)) == nil && take(after: .seconds(40)) != nil)
    }
}
