extension Duration {
    /// A day: beyond it a deadline is none, and sums could overflow.
    private static let longest = Duration.seconds(86_400)

    /// Between nothing and a day.
    var clamped: Duration {
        min(max(self, .zero), Self.longest)
    }

    /// In milliseconds, rounded up so that nobody wakes before it has passed; at most a day.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = clamped.components
        return Int(seconds) * 1_000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    /// At most a day.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = clamped.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

extension ContinuousClock.Instant {
    func advanced(byAtMost duration: Duration) -> ContinuousClock.Instant {
        advanced(by: duration.clamped)
    }
}
