/// When an issuer is asked for its keys, and for how long the last ones count. Knows no clock.
struct KeySetSchedule {
    typealias Instant = ContinuousClock.Instant

    /// Between two questions where the answer says nothing of it.
    static let interval: Duration = .seconds(600)
    /// What an answer may ask for.
    static let intervals: ClosedRange<Duration> = .seconds(60)...(.seconds(3_600))
    /// Between two questions for the sake of tokens with an unknown key.
    static let unknownKeyPause: Duration = .seconds(30)
    /// How long keys count that could not be asked for again.
    static let keptFor: Duration = .seconds(86_400)
    /// After a question without an answer while there are keys; without any the pause grows to the second.
    private static let pauseWithKeys: Duration = .seconds(30)
    private static let longestPauseWithoutKeys: Duration = .seconds(5)

    /// When the last keys came.
    private(set) var fetched: Instant?
    /// When to ask next; `nil` before the first answer.
    private(set) var due: Instant?
    private var failures = 0
    private var unknownKeyAsked: Instant?

    /// The issuer has sent keys.
    ///
    /// - Parameter maxAge: For how long they are good, by the answer.
    mutating func succeeded(at now: Instant, maxAge: Duration?) {
        let interval = maxAge.map {
            min(max($0, KeySetSchedule.intervals.lowerBound), KeySetSchedule.intervals.upperBound)
        }
        (fetched, failures) = (now, 0)
        due = now + (interval ?? KeySetSchedule.interval)
    }

    /// The issuer has sent no keys.
    mutating func failed(at now: Instant) {
        let pause: Duration = hasKeys(at: now) ? KeySetSchedule.pauseWithKeys : .seconds(1 << min(failures, 8))
        failures += 1
        due = now + (hasKeys(at: now) ? pause : min(pause, KeySetSchedule.longestPauseWithoutKeys))
    }

    /// Whether there are keys that count.
    func hasKeys(at now: Instant) -> Bool { fetched.map { now - $0 <= KeySetSchedule.keptFor } ?? false }

    /// Whether the issuer may be asked because of a token whose key is not known. It counts as asked then.
    mutating func mayAskForUnknownKey(at now: Instant) -> Bool {
        if let last = unknownKeyAsked, now - last < KeySetSchedule.unknownKeyPause { return false }
        unknownKeyAsked = now
        return true
    }

    /// Whole seconds until the next question, at least one: when it is worth coming again.
    func secondsToWait(at now: Instant) -> Int {
        guard let due else { return 1 }
        return max(1, Int((now.duration(to: due) / .seconds(1)).rounded(.up)))
    }
}
