import CoreMetrics

/// Counts what became of a pipeline's messages.
struct MessageMeter: Sendable {
    enum Outcome: String, CaseIterable {
        case answered, failed, cancelled
        /// The pipeline has nothing to say to it.
        case unanswered
    }

    private let answered: any CounterHandler
    private let failed: any CounterHandler
    private let cancelled: any CounterHandler
    private let unanswered: any CounterHandler

    init(pipeline: String, factory: any MetricsFactory = MetricsSystem.factory) {
        func counter(_ outcome: Outcome) -> any CounterHandler {
            factory.makeCounter(
                label: HostMetric.messages.rawValue,
                dimensions: [("pipeline", pipeline), ("outcome", outcome.rawValue)])
        }
        answered = counter(.answered)
        failed = counter(.failed)
        cancelled = counter(.cancelled)
        unanswered = counter(.unanswered)
    }

    func ended(_ outcome: Outcome, _ number: Int = 1) {
        let counter =
            switch outcome {
            case .answered: answered
            case .failed: failed
            case .cancelled: cancelled
            case .unanswered: unanswered
            }
        counter.increment(by: Int64(number))
    }

    /// A message's place among those that wait is settled with this frame.
    func settled(with frame: ServerFrame?) {
        switch frame?.kind {
        case .error(.cancelled): ended(.cancelled)
        case .error: ended(.failed)
        case nil: ended(.unanswered)
        default: ended(.answered)
        }
    }
}
