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

    /// Messages that are in the stage.
    package let running: Int

    /// Messages that this process has to end before it stops, in the stage or before it.
    package var awaited: Int { max(running, sharing?.here ?? depth.messages) }

    init(label: String, depth: Queue.Depth, counts: Background.Counts, sharing: QueueSharing?, running: Int) {
        self.label = label
        self.depth = depth
        retries = counts.retries
        dropped = counts.dropped
        failed = counts.failed
        self.sharing = sharing
        self.running = running
    }
}
