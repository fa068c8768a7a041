/// How an asynchronous step's queue is, for metrics and health pages.
package struct QueueStatus: Sendable {
    /// The step's label.
    package let label: String
    /// How full it is.
    package let depth: Queue.Depth
    /// Runs that failed and were made again, since the start.
    package let retries: Int
    /// Messages dropped because it was full, since the start.
    package let dropped: Int
    /// Messages that failed for good, since the start.
    package let failed: Int
    /// What else is counted where several processes work on it; `nil` where they don't.
    package let sharing: QueueSharing?

    init(label: String, depth: Queue.Depth, counts: Background.Counts, sharing: QueueSharing?) {
        self.label = label
        self.depth = depth
        retries = counts.retries
        dropped = counts.dropped
        failed = counts.failed
        self.sharing = sharing
    }
}
