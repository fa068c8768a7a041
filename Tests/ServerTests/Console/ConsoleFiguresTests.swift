import Pipeline
import Testing

@testable import Server

@Suite("Figures of the console")
struct ConsoleFiguresTests {
    private func counts(_ entries: [Int: UInt64]) -> [UInt64] {
        (0...DurationHistogram.bounds.count).map { entries[$0] ?? 0 }
    }

    @Test("a percentile lies in the bucket that has it, as far as its share goes")
    func percentiles() throws {
        // The third bucket is from 0.1 to 1 ms.
        #expect(try #require(Percentile.of(counts([2: 100]), 0.5)) == 0.00055)
        #expect(try #require(Percentile.of(counts([0: 99, 10: 1]), 0.5)) < 0.00001)
        #expect(try #require(Percentile.of(counts([0: 98, 10: 2]), 0.99)) > 0.5)
        #expect(Percentile.of(counts([:]), 0.5) == nil)
    }

    @Test("what is longer than every bound counts as the last of them")
    func longest() { #expect(Percentile.of(counts([DurationHistogram.bounds.count: 1]), 0.99) == 60) }

    private func stage(sent: UInt64, errors: [String: UInt64] = [:]) -> ConsoleSample.StageCounts {
        ConsoleSample.StageCounts(received: sent + errors.values.reduce(0, +), sent: sent, errors: errors)
    }

    @Test("rates and errors are those between two samples")
    func rates() {
        let figures = StageFigures(
            from: stage(sent: 10, errors: ["busy": 1]), to: stage(sent: 28, errors: ["busy": 3, "timeout": 0]), in: 10)
        #expect(figures.rate == 2)
        #expect(figures.errors == ["busy": 2])
        #expect(figures.p50 == nil)
    }

    @Test("counters that begin anew make no negative figures")
    func anew() {
        let figures = StageFigures(from: stage(sent: 10), to: stage(sent: 2), in: 1)
        #expect(figures.rate == 0)
    }

    private let key = ConsoleSample.StageKey(pipeline: "p", label: "s")

    private func sample(_ sent: UInt64, after seconds: Double, of start: ContinuousClock.Instant) -> ConsoleSample {
        var sample = ConsoleSample(before: start + .seconds(seconds))
        sample.stages[key] = stage(sent: sent)
        return sample
    }

    @Test("the window is ten seconds, and the first sample after a gap is compared with the last before it")
    func window() {
        let start = ContinuousClock.now
        var window = ConsoleWindow(at: start)
        #expect(window.add(sample(5, after: 300, of: start)).base.time == start)
        for second in 1...20 {
            let base = window.add(sample(5, after: 300 + Double(second), of: start)).base
            #expect(base.time == start + .seconds(max(300, 290 + second)))
        }
        #expect(window.add(sample(9, after: 400, of: start)).base.time == start + .seconds(320))
        #expect(window.add(sample(9, after: 401, of: start)).base.time == start + .seconds(400))
    }

    @Test("ten minutes are kept as points of five seconds, and what nobody looked at is one point")
    func points() throws {
        let start = ContinuousClock.now
        var window = ConsoleWindow(at: start)
        for second in 1...1_000 { _ = window.add(sample(UInt64(second), after: Double(second), of: start)) }
        #expect((119...121).contains(window.history.count))
        #expect(window.history.allSatisfy { $0.contains(#""stages":{"p":{"s":[1,null,null,0,null]}}"#) })
        let point = try #require(window.add(sample(1_500, after: 1_250, of: start)).point)
        #expect(point.contains(#""over":250,"#) && point.contains("[2,null"))
    }

    @Test(
        "times are said as people say them",
        arguments: [
            (0.0000123, "12 µs"), (0.00123, "1.2 ms"), (0.5, "500 ms"), (1.25, "1.3 s"), (41.2, "41 s"),
            (600, "10 min"), (8_000, "2 h"), (1e300, "1000000000000000 h"), (-1e300, "-1000000000000000 µs"),
        ])
    func words(seconds: Double, text: String) { #expect(ConsoleNumber.words(seconds: seconds) == text) }
}
