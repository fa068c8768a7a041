import Pipeline

/// The queues of what is served, looked up when somebody asks.
enum QueueMetrics {
    static func write(_ pipelines: [ServedPipeline], to text: inout PrometheusText) {
        let queues = pipelines.flatMap { pipeline in
            pipeline.chain.queues.map { status in
                (PrometheusText.labels([("pipeline", pipeline.name), ("stage", status.label)]), status)
            }
        }
        func add(_ metric: HostMetric, _ value: (QueueStatus) -> Double) {
            text.begin(metric)
            for (labels, status) in queues { text.add(labels, value(status)) }
        }
        add(.queueMessages) { Double($0.depth.messages) }
        add(.queueOldest) { $0.age ?? 0 }
        add(.queueUnreadable) { Double($0.depth.unreadable) }
        add(.queueRetries) { Double($0.retries) }
        add(.queueDropped) { Double($0.dropped) }
        add(.queueFailed) { Double($0.failed) }
        let shared = queues.compactMap { labels, status in status.sharing.map { (labels, $0) } }
        guard !shared.isEmpty else { return }
        func addShared(_ metric: HostMetric, _ value: (QueueSharing) -> Double) {
            text.begin(metric)
            for (labels, sharing) in shared { text.add(labels, value(sharing)) }
        }
        addShared(.queueRedelivered) { Double($0.redeliveries) }
        addShared(.queueGivenBack) { Double($0.givenBack) }
        addShared(.queueAcknowledged) { Double($0.acknowledgements) }
        text.begin(.queueAcknowledging)
        for (labels, sharing) in shared { text.add(labels, sharing.acknowledging) }
        addShared(.queuePartitions) { Double($0.partitions) }
    }
}

extension QueueStatus {
    /// How long ago the oldest message in it was received, in seconds; `nil` where there is none.
    var age: Double? {
        depth.oldest.map { max(0, Double(Timestamp.now.microseconds - $0.microseconds) / 1e6) }
    }
}
