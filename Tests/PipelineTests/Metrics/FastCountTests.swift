import Testing

@testable import Pipeline

@Suite("Counting from many threads loses nothing")
struct FastCountTests {
    @Test("A counter has what all tasks added")
    func counter() async {
        let counter = FastCounter()
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<10_000 { counter.increment(by: 1) }
                }
            }
        }
        #expect(counter.value == 80_000)
    }

    @Test("A counter never falls")
    func never() {
        let counter = FastCounter()
        counter.increment(by: 3)
        counter.increment(by: -2)
        counter.reset()
        #expect(counter.value == 3)
    }

    @Test("A duration is counted in the first bucket that holds it", arguments: [(0, 0), (10_000, 0), (10_001, 1)])
    func buckets(nanoseconds: Int64, bucket: Int) {
        let histogram = DurationHistogram()
        histogram.recordNanoseconds(nanoseconds)
        #expect(histogram.snapshot.counts[bucket] == 1)
        #expect(histogram.snapshot.counts.reduce(0, +) == 1)
        #expect(histogram.snapshot.sum == UInt64(nanoseconds))
    }

    @Test("A duration above every bound is counted last")
    func longest() {
        let histogram = DurationHistogram()
        histogram.recordNanoseconds(.max)
        #expect(histogram.snapshot.counts.last == 1)
    }

    @Test("The step clock goes at the speed of the monotonic one")
    func clock() {
        let clock = StepClock.shared
        let (start, before) = (clock.now, ContinuousClock.now)
        while ContinuousClock.now - before < .milliseconds(20) {}
        let (end, after) = (clock.now, ContinuousClock.now)
        let measured = Double(clock.nanoseconds(from: start, to: end)) / 1e9
        // The other clock was read inside of the first one's interval, and outside of it after.
        #expect(abs(measured / ((after - before) / .seconds(1)) - 1) < 0.05)
        #expect(clock.nanoseconds(from: end, to: start) == 0)
    }
}
