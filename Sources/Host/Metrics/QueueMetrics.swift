import Pipeline

/// The queues of what is served, looked up when somebody asks.
enum QueueMetrics {
    static func write(_ pipelines: [ServedPipeline], to text: inout PrometheusText) {
        let queues = pipelines.flatMap { pipeline in
            pipeline.chain.queues.map { status in
                (PrometheusText.labels([("pipeline", pipeline.name), ("stage", status.label)]), status)
            }
        }
        func add(_ metric: HostMetric, _ kind: PrometheusText.Kind, _ value: (QueueStatus) -> Double) {
            text.begin(metric.rawValue, kind, help: metric.help)
            for (labels, status) in queues { text.add(labels, value(status)) }
        }
        let now = Timestamp.now.microseconds
        add(.queueMessages, .gauge) { Double($0.depth.messages) }
        add(.queueOldest, .gauge) { status in
            status.depth.oldest.map { max(0, Double(now - $0.microseconds) / 1e6) } ?? 0
        }
        add(.queueUnreadable, .gauge) { Double($0.depth.unreadable) }
        add(.queueRetries, .counter) { Double($0.retries) }
        add(.queueDropped, .counter) { Double($0.dropped) }
        add(.queueFailed, .counter) { Double($0.failed) }
    }
}
