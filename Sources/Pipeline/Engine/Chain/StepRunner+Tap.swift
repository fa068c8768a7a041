import Synchronization

/// What operators see of a step's messages.
extension StepRunner {
    /// Shows each message that the step has worked on, or failed to. While somebody looks, messages leave the way of those
    /// that nothing is done around; while nobody does, they pass by nothing more than before.
    ///
    /// - Parameter look: Called on whatever thread works on the message.
    /// - Returns: What ends it, by ``untap(_:)``.
    package func tap(_ look: @escaping StepTap.Look) -> StepTap.ID { looks.add(look, watch) }

    /// Shows no more messages.
    ///
    /// - Parameter id: What ``tap(_:)`` has returned.
    package func untap(_ id: StepTap.ID) { looks.remove(id, watch) }

    /// A message was worked on.
    func worked(on message: borrowing Message, from start: UInt64, to end: UInt64) {
        if isWatched.load(ordering: .relaxed) { show(message, from: start, to: end) }
    }

    /// Notes that a message failed here.
    @inline(never)
    func note(_ error: PipelineError, of message: borrowing Message, from start: UInt64, to end: UInt64) {
        // What failed in a stage inside is noted there.
        if error.stage?.isExactly(label) == true { failures.note(error, of: message) }
        if isWatched.load(ordering: .relaxed) { show(message, from: start, to: end, error) }
    }

    @inline(never)
    private func show(
        _ message: borrowing Message, from start: UInt64, to end: UInt64, _ error: PipelineError? = nil
    ) {
        let time = StepClock.shared.nanoseconds(from: start, to: end)
        looks.show(StepTap.Sight(message: copy message, nanoseconds: time, error: error))
    }
}
