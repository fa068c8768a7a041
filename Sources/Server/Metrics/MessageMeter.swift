import CoreMetrics
import Pipeline

/// Counts what became of a pipeline's messages.
struct MessageMeter: Sendable {
    enum Outcome: String, CaseIterable {
        case answered, failed, cancelled
        /// The pipeline has nothing to say to it.
        case unanswered
    }

    private let answered: MessageCounter
    private let failed: MessageCounter
    private let cancelled: MessageCounter
    private let unanswered: MessageCounter

    init(pipeline: String, factory: any MetricsFactory = MetricsSystem.factory) {
        func counter(_ outcome: Outcome) -> MessageCounter {
            MessageCounter(
                factory.makeCounter(
                    label: HostMetric.messages.rawValue,
                    dimensions: [("pipeline", pipeline), ("outcome", outcome.rawValue)]))
        }
        answered = counter(.answered)
        failed = counter(.failed)
        cancelled = counter(.cancelled)
        unanswered = counter(.unanswered)
    }

    func ended(_ outcome: Outcome, _ number: Int = 1) {
        switch outcome {
        case .answered: answered.add(number)
        case .failed: failed.add(number)
        case .cancelled: cancelled.add(number)
        case .unanswered: unanswered.add(number)
        }
    }

    /// A message was settled with this frame.
    func settled(with frame: ServerFrame?) {
        switch frame?.kind {
        case .error(.cancelled): ended(.cancelled)
        case .error: ended(.failed)
        case nil: ended(.unanswered)
        default: ended(.answered)
        }
    }
}
