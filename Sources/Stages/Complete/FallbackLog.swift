import CoreMetrics
import Logging
import Pipeline
import Synchronization

/// Says when a model begins to be stood in for, once a minute that it still is, and when it answers again; counts each use.
final class FallbackLog: Sendable {
    fileprivate struct Use: Hashable {
        let from: String
        let to: String
        let code: PipelineError.Code
    }

    fileprivate struct Absence {
        var saidAt: ContinuousClock.Instant
        var uses = 0
        var isSaid: Bool
    }

    fileprivate struct State {
        var logger: Logger?
        /// Of each model that is stood in for.
        var absences: [String: Absence] = [:]
        var counters: [Use: any CounterHandler] = [:]
        /// When absences began that were said, within a minute: a model that fails every second time fills no log.
        var begun: [ContinuousClock.Instant] = []
    }

    fileprivate static let interval: Duration = .seconds(60)
    fileprivate static let mostBegun = 5

    private let state = Mutex(State())
    /// Whether any model is stood in for: all that is asked where none is.
    private let isActive = Atomic<Bool>(false)

    func begin(_ logger: Logger) { state.withLock { $0.logger = logger } }

    /// A model failed, and another is asked.
    func note(_ from: String, isReplacedBy to: String, after error: PipelineError) {
        let now = EngineTime.now
        let use = Use(from: from, to: to, code: error.code)
        let (counter, said, logger) = state.withLock { state in
            isActive.store(true, ordering: .relaxed)
            let counter =
                state.counters[use]
                ?? MetricsSystem.factory.makeCounter(
                    label: EngineMetric.modelFallbacks.rawValue,
                    dimensions: [("from", from), ("to", to), ("code", error.code.rawValue)])
            state.counters[use] = counter
            return (counter, state.said(of: from, at: now), state.logger)
        }
        counter.increment(by: 1)
        guard let (text, uses) = said else { return }
        var metadata: Logger.Metadata = [
            "model": "\(from)", "instead": "\(to)", "code": "\(error.code)", "messages": "\(uses)",
        ]
        // Nothing else says why: the message has its answer.
        metadata["detail"] = error.detail.map { "\($0)" }
        logger?.notice("\(text)", metadata: metadata)
    }

    /// A model has answered.
    func answered(_ name: String) {
        guard isActive.load(ordering: .relaxed) else { return }
        let (absence, logger) = state.withLock { state in
            let absence = state.absences.removeValue(forKey: name)
            if state.absences.isEmpty { isActive.store(false, ordering: .relaxed) }
            return (absence, state.logger)
        }
        guard let absence, absence.isSaid else { return }
        logger?.notice("A model answers again", metadata: ["model": "\(name)", "messages": "\(absence.uses)"])
    }
}

extension FallbackLog.State {
    /// What is to be said of a model that is stood in for once more, and for how many messages it was.
    fileprivate mutating func said(of model: String, at now: ContinuousClock.Instant) -> (text: String, uses: Int)? {
        guard var absence = absences[model] else {
            begun.removeAll { now - $0 > FallbackLog.interval }
            let isSaid = begun.count < FallbackLog.mostBegun
            if isSaid { begun.append(now) }
            absences[model] = FallbackLog.Absence(saidAt: now, uses: 1, isSaid: isSaid)
            return isSaid ? ("A model is stood in for", 1) : nil
        }
        absence.uses += 1
        let isDue = now - absence.saidAt >= FallbackLog.interval
        if isDue { (absence.saidAt, absence.isSaid) = (now, true) }
        absences[model] = absence
        return isDue ? ("A model is still stood in for", absence.uses) : nil
    }
}
