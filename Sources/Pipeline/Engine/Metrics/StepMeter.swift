import CoreMetrics

/// Counts what a step does with its messages. Made when the pipeline loads; counting makes nothing.
///
/// It goes by swift-metrics, whoever is behind that; where that is the host itself, a count is a plain addition in the
/// thread's own row.
final class StepMeter: Sendable {
    private let clock = StepClock.shared
    private let received: MessageCounter
    private let sent: MessageCounter
    private let retries: MessageCounter
    /// Only for stages that provide an answer.
    private let tokens: MessageCounter?
    private let durations: any TimerHandler
    private let durationRows: SlottedCounts.Rows?
    private let errors: [PipelineError.Code: any CounterHandler]
    private let otherErrors: any CounterHandler
    /// `nil` where somebody else keeps the metrics.
    let quick: QuickMeter?

    /// `nil` where nobody takes metrics.
    init?(_ names: StageNames, providesAnswer: Bool, factory: any MetricsFactory) {
        guard !(factory is NOOPMetricsHandler) else { return nil }
        let labels = names.dimensions
        func counter(_ metric: EngineMetric, _ more: [(String, String)] = []) -> any CounterHandler {
            factory.makeCounter(label: metric.rawValue, dimensions: labels + more)
        }
        received = MessageCounter(counter(.stageReceived))
        sent = MessageCounter(counter(.stageSent))
        retries = MessageCounter(counter(.stageRetries))
        tokens = providesAnswer ? MessageCounter(counter(.modelTokens)) : nil
        durations = factory.makeTimer(label: EngineMetric.stageDuration.rawValue, dimensions: labels)
        durationRows = (durations as? DurationHistogram)?.rows
        errors = Dictionary(
            PipelineError.Code.known.map { ($0, counter(.stageErrors, [("code", $0.rawValue)])) }
        ) { first, _ in first }
        otherErrors = counter(.stageErrors, [("code", "other")])
        if let received = received.rows, let sent = sent.rows, let durationRows {
            quick = QuickMeter(
                received: received, sent: sent, tokens: tokens?.rows, durations: durationRows, clock: clock)
        } else {
            quick = nil
        }
    }

    /// Now, for ``passed(_:since:)``.
    var now: UInt64 { clock.now }

    /// Messages come to the stage, and it has to wait before they are done.
    func arrived(_ number: Int = 1) {
        received.add(number, in: .current)
    }

    /// A message that came to the stage before is passed on.
    func passed(_ message: borrowing Message, since time: inout UInt64) {
        let slot = ThreadSlot.current
        sent.add(1, in: slot)
        count(message, in: slot)
        finish(since: &time, in: slot)
    }

    /// A message came and went without waiting.
    @inline(never)
    func passedThrough(_ message: borrowing Message, since time: inout UInt64, in slot: ThreadSlot) {
        received.add(1, in: slot)
        sent.add(1, in: slot)
        count(message, in: slot)
        finish(since: &time, in: slot)
    }

    /// Messages were worked on together, in one run.
    func passed(batchOf number: Int, since time: inout UInt64) {
        let slot = ThreadSlot.current
        sent.add(number, in: slot)
        finish(since: &time, in: slot)
    }

    /// A message failed for good.
    func failed(_ error: PipelineError, since time: inout UInt64) {
        failed(error)
        finish(since: &time, in: .current)
    }

    /// A message failed without a run.
    func failed(_ error: PipelineError) {
        // A code of a stage's own is no label: nobody knows how many there are.
        (errors[error.code] ?? otherErrors).increment(by: 1)
    }

    /// A run failed and is made again.
    func retried() {
        retries.add(1, in: .current)
    }

    private func count(_ message: borrowing Message, in slot: ThreadSlot) {
        if let tokens, let used = message.completion?.tokensUsed { tokens.add(used, in: slot) }
    }

    /// The end of one run is the start of the next.
    private func finish(since time: inout UInt64, in slot: ThreadSlot) {
        let now = clock.now
        let duration = clock.nanoseconds(from: time, to: now)
        time = now
        if let durationRows {
            DurationHistogram.record(duration, in: slot, of: durationRows)
        } else {
            durations.recordNanoseconds(Int64(clamping: duration))
        }
    }
}
