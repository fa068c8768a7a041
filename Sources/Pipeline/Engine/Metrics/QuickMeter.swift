/// What ``StepMeter`` does for a message that needs no waiting, with bare addresses in place of handles: there where the
/// metrics are kept by the host itself. The step's meter keeps alive what it writes to.
struct QuickMeter: Sendable {
    let received: SlottedCounts.Rows
    let sent: SlottedCounts.Rows
    let tokens: SlottedCounts.Rows?
    let durations: SlottedCounts.Rows
    private let clock: StepClock
    /// The first two bounds of the buckets. What is longer is noted apart, as hardly a step without waiting is.
    private let bounds: (first: UInt64, second: UInt64)

    init(
        received: SlottedCounts.Rows, sent: SlottedCounts.Rows, tokens: SlottedCounts.Rows?,
        durations: SlottedCounts.Rows, clock: StepClock
    ) {
        (self.received, self.sent, self.tokens, self.durations, self.clock) = (received, sent, tokens, durations, clock)
        bounds = DurationHistogram.firstBounds(on: clock)
    }

    /// A message came and went.
    @inline(__always)
    func passedThrough(_ message: borrowing Message, since time: inout UInt64, in slot: ThreadSlot) {
        received.add(1, in: slot)
        sent.add(1, in: slot)
        if let tokens, let used = message.completion?.tokensUsed { tokens.add(UInt64(max(0, used)), in: slot) }
        let now = clock.now
        let difference = now > time ? now - time : 0
        if difference <= bounds.second {
            let bucket = difference <= bounds.first ? 0 : 1
            DurationHistogram.record(difference, bucket: bucket, in: slot, of: durations)
        } else {
            QuickMeter.record(long: difference, on: clock, in: slot, of: durations)
        }
        time = now
    }

    /// Takes no `self`, which would be written to the stack for every step, long or not.
    @inline(never)
    private static func record(
        long difference: UInt64, on clock: StepClock, in slot: ThreadSlot, of durations: SlottedCounts.Rows
    ) {
        DurationHistogram.record(clock.nanoseconds(of: difference), in: slot, of: durations)
    }
}
