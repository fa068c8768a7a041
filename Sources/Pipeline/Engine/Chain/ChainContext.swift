import CoreMetrics
import Logging

/// What the steps of a chain have in common.
struct ChainContext {
    /// The chain's name.
    let pipeline: String
    /// What waits in the queues of the chain.
    let pending: StageContext.PendingMessages
    /// Which of its models answer in place of which.
    let alternatives: ModelAlternatives
    /// Where its stages say what they do.
    let logger = Logger.engine
    /// Who takes metrics when the chain is made.
    private let factory = MetricsSystem.factory

    /// Whether anybody does.
    var takesMetrics: Bool { !(factory is NOOPMetricsHandler) }

    func meter(of stage: any Stage, label: String) -> StepMeter? {
        StepMeter(
            StageNames(pipeline: pipeline, stage: label), providesAnswer: stage.provides.contains(.completion),
            factory: factory)
    }
}

extension StageContext {
    init(label: String, in context: ChainContext) {
        self.init(
            label: label, pipeline: context.pipeline, pending: context.pending,
            alternatives: context.alternatives, logger: context.logger)
    }
}
