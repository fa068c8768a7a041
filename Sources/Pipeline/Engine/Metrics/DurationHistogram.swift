import CoreMetrics

/// How often something took how long.
package final class DurationHistogram: TimerHandler {
    /// The upper bounds of the buckets, in nanoseconds: from a stage that only looks to a model that thinks.
    package static let bounds: [UInt64] = [
        10_000, 100_000, 1_000_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000,
        500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000, 60_000_000_000,
    ]

    /// What was observed so far.
    package struct Snapshot: Sendable, Equatable {
        /// How many fell into each bucket; the last is for those above every bound.
        package private(set) var counts: [UInt64]
        /// All durations together, in nanoseconds.
        package private(set) var sum: UInt64

        init(counts: [UInt64], sum: UInt64) { (self.counts, self.sum) = (counts, sum) }

        /// Nothing was observed.
        package init() { self.init(counts: Array(repeating: 0, count: bounds.count + 1), sum: 0) }

        /// Notes a duration, where that is done behind a lock anyway.
        package mutating func record(_ duration: Duration) {
            let nanoseconds = UInt64(max(0, duration / .nanoseconds(1)))
            counts[DurationHistogram.bucket(of: nanoseconds)] += 1
            sum += nanoseconds
        }
    }

    // Constants, as looking at the array would cost more than the rest of counting.
    private static var sumColumn: Int { 17 }
    private static var clockSumColumn: Int { 18 }

    private let cells = SlottedCounts(width: clockSumColumn + 1)

    package init() {
        precondition(Self.sumColumn == Self.bounds.count + 1)
    }

    package func recordNanoseconds(_ duration: Int64) {
        record(UInt64(max(0, duration)), in: .current)
    }

    /// Where it counts.
    var rows: SlottedCounts.Rows { cells.rows }

    /// Notes a duration in nanoseconds in the calling thread's row.
    func record(_ duration: UInt64, in slot: ThreadSlot) {
        DurationHistogram.record(duration, in: slot, of: cells.rows)
    }

    /// Notes it in the rows of a histogram.
    static func record(_ duration: UInt64, in slot: ThreadSlot, of rows: SlottedCounts.Rows) {
        rows.add(1, to: bucket(of: duration), in: slot)
        rows.add(duration, to: sumColumn, in: slot)
    }

    /// Notes a time as ``StepClock`` has it, whose bucket is known.
    @inline(__always)
    static func record(_ difference: UInt64, bucket: Int, in slot: ThreadSlot, of rows: SlottedCounts.Rows) {
        rows.add(1, to: bucket, in: slot)
        rows.add(difference, to: clockSumColumn, in: slot)
    }

    /// The first two bounds as ``StepClock`` has them.
    static func firstBounds(on clock: StepClock) -> (first: UInt64, second: UInt64) {
        (clock.difference(of: bounds[0]), clock.difference(of: bounds[1]))
    }

    private static func bucket(of duration: UInt64) -> Int {
        bounds.firstIndex { duration <= $0 } ?? bounds.count
    }

    /// What was observed so far.
    package var snapshot: Snapshot {
        Snapshot(
            counts: (0...DurationHistogram.bounds.count).map { cells.sum(of: $0) },
            sum: cells.sum(of: DurationHistogram.sumColumn)
                &+ StepClock.shared.nanoseconds(of: cells.sum(of: DurationHistogram.clockSumColumn)))
    }
}
