import CoreMetrics

/// How often something took how long.
package final class DurationHistogram: TimerHandler {
    /// The upper bounds of the buckets, in nanoseconds: from a stage that only looks to a model that thinks.
    package static let bounds: [UInt64] = [
        10_000, 100_000, 1_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000,
        500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000, 60_000_000_000,
    ]

    /// What was observed so far.
    package struct Snapshot {
        /// How many fell into each bucket; the last is for those above every bound.
        package let counts: [UInt64]
        /// All durations together, in nanoseconds.
        package let sum: UInt64
    }

    private static let sumColumn = bounds.count + 1

    private let cells = SlottedCounts(width: bounds.count + 2)
    private let bounds = DurationHistogram.bounds

    package init() {}

    package func recordNanoseconds(_ duration: Int64) {
        record(UInt64(max(0, duration)), in: .current)
    }

    /// Notes a duration in nanoseconds in the calling thread's row.
    func record(_ duration: UInt64, in slot: ThreadSlot) {
        var bucket = 0
        // Most steps take no longer than the first bound, so looking from there is faster than halving.
        while bucket < bounds.count, duration > bounds[bucket] { bucket += 1 }
        cells.add(1, to: bucket, in: slot)
        cells.add(duration, to: DurationHistogram.sumColumn, in: slot)
    }

    /// What was observed so far.
    package var snapshot: Snapshot {
        Snapshot(
            counts: (0...bounds.count).map { cells.sum(of: $0) }, sum: cells.sum(of: DurationHistogram.sumColumn))
    }
}
