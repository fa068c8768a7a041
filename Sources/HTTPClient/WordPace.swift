/// How long words may wait so that several are worked on at one wake-up, which costs more than a word does.
///
/// It follows from how many came lately to a client on one event loop: with few of them a wait would only delay.
struct WordPace {
    /// The longest wait. Pages are drawn less often (every 17 ms), and models give a word every 10 to 100 ms.
    static let longestWait = Duration.milliseconds(15)
    private static let shortestWait = Duration.milliseconds(1)

    /// Words that are waited for; more of them spare little: with 16 a word costs a tenth more, with 64 it would wait for
    /// longer than it may.
    private static let wanted = 32.0
    /// Fewer than these are not worth a wait, which is a wake-up of its own.
    private static let worthwhile = 2.5
    /// Words that are worked on before the loop looks at its other sockets, while calls begin: who makes one, or waits for
    /// its first word, waits for no more than these. With 4 the 99th percentile of first words is a quarter higher.
    private static let share = 2
    /// For so long after a call began others are expected.
    private static let beginning = Duration.milliseconds(100)

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

    /// How many of the words that are there are worked on at once: all of them where no call has begun of late.
    ///
    /// - Parameters:
    ///   - words: There are; one at least is worked on.
    ///   - lastCall: When a call last began.
    static func share(
        of words: Int, lastCall: ContinuousClock.Instant?, now: ContinuousClock.Instant
    ) -> Int {
        guard let lastCall, now < lastCall + beginning else { return max(1, words) }
        return share
    }
}
