import Pipeline

/// The queues of what is served, in Prometheus' text format.
struct QueueMetrics {
    private let queues: [(pipeline: String, status: QueueStatus)]
    private var text = ""

    static func text(of pipelines: [ServedPipeline]) -> String {
        var metrics = QueueMetrics(pipelines)
        metrics.add("stagecoach_queue_messages", "gauge", "Messages that wait or are being worked on.") {
            Double($0.depth.messages)
        }
        let now = Timestamp.now.microseconds
        metrics.add("stagecoach_queue_oldest_seconds", "gauge", "How long ago the oldest of them was received.") {
            $0.depth.oldest.map { Double(now - $0.microseconds) / 1e6 } ?? 0
        }
        metrics.add("stagecoach_queue_retries_total", "counter", "Runs that failed and were made again.") {
            Double($0.retries)
        }
        metrics.add("stagecoach_queue_dropped_total", "counter", "Messages dropped because the queue was full.") {
            Double($0.dropped)
        }
        metrics.add("stagecoach_queue_failed_total", "counter", "Messages that failed for good.") { Double($0.failed) }
        return metrics.text
    }

    private init(_ pipelines: [ServedPipeline]) {
        queues = pipelines.flatMap { pipeline in pipeline.chain.queues.map { (pipeline.name, $0) } }
    }

    private mutating func add(_ name: String, _ type: String, _ help: String, _ value: (QueueStatus) -> Double) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        for (pipeline, status) in queues {
            let labels = "pipeline=\"\(escaped(pipeline))\",stage=\"\(escaped(status.label))\""
            text += "\(name){\(labels)} \(value(status))\n"
        }
    }

    private func escaped(_ label: String) -> String {
        label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
