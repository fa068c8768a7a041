import Pipeline

/// What a stage has done between two samples.
struct StageFigures {
    /// Messages that came, failed or were passed on, a second.
    let rate: Double
    /// How long half of the runs took at most, and 99 of 100, in seconds; `nil` where there was no run.
    let p50, p99: Double?
    /// Messages that failed, by code.
    let errors: [String: UInt64]
    let retries: UInt64
    let tokens: UInt64
    /// How many ended, well or not.
    let ended: UInt64

    /// - Parameter seconds: The time between the samples.
    init(from before: ConsoleSample.StageCounts?, to now: ConsoleSample.StageCounts, in seconds: Double) {
        let before = before ?? ConsoleSample.StageCounts()
        errors = now.errors.reduce(into: [:]) { errors, entry in
            let count = StageFigures.difference(entry.value, before.errors[entry.key] ?? 0)
            if count > 0 { errors[entry.key] = count }
        }
        ended = StageFigures.difference(now.sent, before.sent) + errors.values.reduce(0, +)
        rate = seconds > 0 ? Double(ended) / seconds : 0
        retries = StageFigures.difference(now.retries, before.retries)
        tokens = StageFigures.difference(now.tokens, before.tokens)
        let durations = now.durations.enumerated().map { index, count in
            StageFigures.difference(count, before.durations.indices.contains(index) ? before.durations[index] : 0)
        }
        (p50, p99) = (Percentile.of(durations, 0.5), Percentile.of(durations, 0.99))
    }

    /// Counters of a pipeline that a reload has brought may begin anew.
    private static func difference(_ now: UInt64, _ before: UInt64) -> UInt64 { now > before ? now - before : 0 }
}

/// A percentile as a histogram knows it.
enum Percentile {
    /// In seconds, as if the durations of a bucket were spread evenly over it; `nil` where there is none. What is above every
    /// bound counts as the last of them.
    ///
    /// - Parameter counts: How many durations fell into each bucket of ``DurationHistogram``.
    static func of(_ counts: [UInt64], _ share: Double) -> Double? {
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        let (wanted, bounds) = (share * Double(total), DurationHistogram.bounds)
        var below = 0.0
        for (index, count) in counts.enumerated() where count > 0 {
            guard index < bounds.count else { break }
            if below + Double(count) >= wanted {
                let start = index == 0 ? 0 : Double(bounds[index - 1])
                return (start + (Double(bounds[index]) - start) * (wanted - below) / Double(count)) / 1e9
            }
            below += Double(count)
        }
        return bounds.last.map { Double($0) / 1e9 }
    }
}
