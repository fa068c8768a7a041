/// How long words may wait so that several are worked on at one wake-up, which costs more than a word does.
///
/// It follows from how many came lately to a client on one event loop: with few of them a wait would only delay.
struct WordPace {
    /// The longest wait. Pages are drawn less often, and models give a word every 10 to 100 ms.
    static let longestWait = Duration.milliseconds(10)
    private static let shortestWait = Duration.milliseconds(1)

    /// Words that are waited for; more of them spare little.
    private static let wanted = 16.0
    /// Fewer than these are not worth a wait, which is a wake-up of its own.
    private static let worthwhile = 2.5
    /// For so long words are counted before the pace is known anew.
    private static let period = Duration.milliseconds(100)

    private var count = 0
    private var begin: ContinuousClock.Instant?
    private var perSecond = 0.0

    /// Words have come.
    mutating func note(_ words: Int, at now: ContinuousClock.Instant) {
        count += words
        guard let begin else {
            self.begin = now
            return
        }
        let elapsed = begin.duration(to: now)
        guard elapsed >= Self.period else { return }
        perSecond = Double(count) / (elapsed / .seconds(1))
        (count, self.begin) = (0, now)
    }

    /// `nil` where the next word is worked on as it comes.
    var wait: Duration? {
        guard perSecond * (Self.longestWait / .seconds(1)) >= Self.worthwhile else { return nil }
        return max(Self.shortestWait, min(.seconds(Self.wanted / perSecond), Self.longestWait))
    }
}
