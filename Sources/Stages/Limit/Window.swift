import Pipeline

/// A period of a token budget.
struct Window: Hashable, Sendable {
    /// When it began.
    let start: Timestamp
    private let end: Timestamp

    /// The one that a time is in.
    init(of time: Timestamp, period: Duration) {
        let length = max(1, Int64(period / .microseconds(1)))
        let start = time.microseconds / length * length
        self.start = Timestamp(microseconds: start)
        end = Timestamp(microseconds: start + length)
    }

    /// How long it lasts.
    var left: Duration { .microseconds(max(0, end.microseconds - Timestamp.now.microseconds)) }
}
