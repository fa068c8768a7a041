/// What ``StepMeter`` does for a message that needs no waiting, with bare addresses in place of handles: there where the
/// metrics are kept by the host itself. The step's meter keeps alive what it writes to.
struct QuickMeter: Sendable {
    let received: SlottedCounts.Rows
    let sent: SlottedCounts.Rows
    let tokens: SlottedCounts.Rows?
    let durations: SlottedCounts.Rows
    private let clock: StepClock
    /// What is longer is noted apart: most steps that need no waiting are not.
    private let short: UInt64

    init(
        received: SlottedCounts.Rows, sent: SlottedCounts.Rows, tokens: SlottedCounts.Rows?,
        durations: SlottedCounts.Rows, clock: StepClock
    ) {
        (self.received, self.sent, self.tokens, self.durations, self.clock) = (received, sent, tokens, durations, clock)
        short = DurationHistogram.firstBound(on: clock)
    }

    /// A message came and went.
    @inline(__always)
    func passedThrough(_ message: borrowing Message, since time: inout UInt64, in slot: ThreadSlot) {
        received.add(1, in: slot)
        sent.add(1, in: slot)
        if let tokens, let used = message.completion?.tokensUsed { tokens.add(UInt64(max(0, used)), in: slot) }
        let now = clock.now
        let difference = now > time ? now - time : 0
        if difference <= short {
            DurationHistogram.record(short: difference, in: slot, of: durations)
        } else {
            record(long: difference, in: slot)
        }
        time = now
    }

    @inline(never)
    private func record(long difference: UInt64, in slot: ThreadSlot) {
        DurationHistogram.record(clock.nanoseconds(of: difference), in: slot, of: durations)
    }
}
