import Pipeline

/// What the metrics say of what is served at one instant. They are counted anyway; here they are only read.
struct ConsoleSample: Sendable {
    struct StageKey: Hashable, Sendable {
        let pipeline: String
        let label: String
    }

    struct StageCounts: Sendable {
        var received: UInt64 = 0
        var sent: UInt64 = 0
        var retries: UInt64 = 0
        var tokens: UInt64 = 0
        var errors: [String: UInt64] = [:]
        var durations: [UInt64] = []

        /// How many messages are in the stage.
        var inside: Int { max(0, Int(received) - Int(sent) - Int(errors.values.reduce(0, +))) }
    }

    /// A model that failed, which answered in its place, and why.
    struct Fallback: Hashable, Sendable {
        let from: String
        let to: String
        let code: String
    }

    let time: ContinuousClock.Instant
    var stages: [StageKey: StageCounts] = [:]
    var queues: [StageKey: QueueStatus] = [:]
    var fallbacks: [Fallback: UInt64] = [:]
    /// Messages that ended, by outcome, of each pipeline.
    var outcomes: [String: [String: UInt64]] = [:]
    var connections = 0
    var webSockets = 0

    /// Nothing was counted yet.
    init(before time: ContinuousClock.Instant) { self.time = time }

    init(of pipelines: [ServedPipeline], _ meters: PrometheusMetrics, at time: ContinuousClock.Instant) {
        self.time = time
        let reading = meters.reading
        let errors = ConsoleSample.errors(in: reading)
        for pipeline in pipelines {
            for status in pipeline.chain.queues {
                queues[StageKey(pipeline: pipeline.name, label: status.label)] = status
            }
            for label in pipeline.chain.labels {
                let labels = PrometheusText.labels([("pipeline", pipeline.name), ("stage", label)])
                func counter(_ metric: EngineMetric) -> UInt64 { reading.counter(metric.rawValue, labels) }
                let durations = reading.histogram(EngineMetric.stageDuration.rawValue, labels)
                stages[StageKey(pipeline: pipeline.name, label: label)] = StageCounts(
                    received: counter(.stageReceived), sent: counter(.stageSent), retries: counter(.stageRetries),
                    tokens: counter(.modelTokens), errors: errors[labels] ?? [:], durations: durations?.counts ?? [])
            }
            outcomes[pipeline.name] = Dictionary(
                uniqueKeysWithValues: MessageMeter.Outcome.allCases.map { outcome in
                    let labels = PrometheusText.labels([("pipeline", pipeline.name), ("outcome", outcome.rawValue)])
                    return (outcome.rawValue, reading.counter(HostMetric.messages.rawValue, labels))
                })
        }
        for (labels, count) in reading.counters(EngineMetric.modelFallbacks.rawValue) {
            if let fallback = Fallback(labels: labels) { fallbacks[fallback] = count }
        }
        connections = Int(reading.gauge(HostMetric.connections.rawValue))
        webSockets = Int(reading.gauge(HostMetric.webSockets.rawValue))
    }

    /// By the labels of the stage, then by code.
    private static func errors(in reading: PrometheusMetrics.Reading) -> [String: [String: UInt64]] {
        var errors: [String: [String: UInt64]] = [:]
        for (labels, count) in reading.counters(EngineMetric.stageErrors.rawValue) {
            // The code is the last of them, and has nothing that is escaped.
            guard let range = labels.ranges(of: ",code=\"").last else { continue }
            errors[String(labels[..<range.lowerBound]), default: [:]][String(labels[range.upperBound...].dropLast())] =
                count
        }
        return errors
    }
}

extension ConsoleSample.Fallback {
    /// - Parameter labels: As ``PrometheusText/labels(_:)`` writes them.
    fileprivate init?(labels: String) {
        guard let to = labels.firstRange(of: "\",to=\""), let code = labels.firstRange(of: "\",code=\""),
            labels.hasPrefix("from=\""), to.upperBound <= code.lowerBound
        else { return nil }
        from = String(labels[..<to.lowerBound].dropFirst("from=\"".count))
        self.to = String(labels[to.upperBound..<code.lowerBound])
        self.code = String(labels[code.upperBound...].dropLast())
    }
}
