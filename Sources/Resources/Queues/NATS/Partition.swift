import NATS

/// One part of a queue: the messages of some sessions, which one worker at a time has to itself.
///
/// Who has it is settled by the server: a work-queue stream takes one consumer for each subject, and removes a consumer that
/// asks for nothing for some seconds. So the consumer is the lease, and asking for messages renews it.
struct Partition {
    /// Whose it is, as far as this worker knows. There is no state in which it has a consumer and nobody looks after that:
    /// each is compared with the server's consumers at every poll.
    enum Phase: Equatable {
        /// Another worker's, or nobody's.
        case free
        /// This worker's: what comes is taken.
        case held(consumer: String)
        /// Some messages were left out for want of memory. Its consumer is made anew when there is room, and begins with them.
        case full(consumer: String)
        /// To be given to another worker once nothing of it is being worked on; where that takes longer, it stays here.
        case leaving(consumer: String, until: ContinuousClock.Instant)
    }

    private(set) var phase = Phase.free
    /// Which of this worker's consumers it is, counted from the start.
    var number = 0
    /// Messages that were asked for and have not come.
    var requested = 0
    /// When that ends.
    var requestedUntil = ContinuousClock.now
    var lastPull = ContinuousClock.now
    /// Messages of it that are here. ``PartitionedQueue/State/add(_:as:)`` and its like count them.
    var here = 0
    /// Until when it is kept though others have less.
    var keptUntil = ContinuousClock.now
    /// Since when the stream has messages of it while none is here.
    var leftSince: ContinuousClock.Instant?
    /// When it may be tried for again.
    var notBefore = ContinuousClock.now

    /// How many parts there are. The hash of a session says which one it is in, so that this can't change while messages wait.
    static let count = 16
    /// How many messages of one are here at most, but for some that come after it was full.
    static let window = 128
    /// How many messages of one may be delivered and not acknowledged. Besides what is here those count that were given back.
    static let unacknowledged = 2_048
    /// How long a pull waits for messages at the server.
    static let pull = Duration.seconds(5)
    /// How long before that it is renewed.
    static let renewal = Duration.milliseconds(4_500)
    /// After how long without one the server removes the consumer, so that another worker can take the part.
    static let lease = Duration.seconds(8)
    /// After how long a message that was not acknowledged is delivered again.
    static let patience = Duration.seconds(30)
    /// How often a message that is being worked on is said to be.
    static let sign = Duration.seconds(10)

    /// How long one is being given away at most. Meanwhile nothing new of it is worked on.
    static let farewell = Duration.seconds(6)
    /// How long one that could not be given away stays.
    static let stay = Duration.seconds(30)

    /// This worker's consumer; `nil` where it has none.
    var consumer: String? {
        switch phase {
        case .free: nil
        case .held(let consumer), .full(let consumer), .leaving(let consumer, _): consumer
        }
    }

    /// Whether messages that come are taken.
    var takes: Bool { if case .held = phase { true } else { false } }

    /// Whether some messages were left out.
    var isFull: Bool { if case .full = phase { true } else { false } }

    /// Whether it is to be given to another worker.
    var isLeaving: Bool { if case .leaving = phase { true } else { false } }

    /// This worker has a consumer for it.
    mutating func begin(_ consumer: String, keptUntil: ContinuousClock.Instant) {
        (phase, requested, leftSince) = (.held(consumer: consumer), 0, nil)
        self.keptUntil = keptUntil
    }

    /// A message has to be left out, and so has all that comes after it.
    mutating func leaveOut() {
        if case .held(let consumer) = phase { phase = .full(consumer: consumer) }
    }

    /// It is to be given away.
    mutating func leave(at now: ContinuousClock.Instant) {
        guard let consumer, !isLeaving else { return }
        phase = .leaving(consumer: consumer, until: now + Partition.farewell)
    }

    /// Whether it is being given away and that takes too long: what is being worked on goes on for longer than others may wait.
    func isOverdue(at now: ContinuousClock.Instant) -> Bool {
        if case .leaving(_, let until) = phase { now >= until } else { false }
    }

    /// Notes how many messages of it the stream has.
    ///
    /// - Returns: Whether it has had some for so long, and none has come.
    mutating func isLeft(waiting: Int, for patience: Duration, at now: ContinuousClock.Instant) -> Bool {
        guard waiting > 0, takes, here == 0 else {
            leftSince = nil
            return false
        }
        let since = leftSince ?? now
        leftSince = since
        return now >= since + patience
    }

    /// Its consumer is gone, or is not used any more.
    ///
    /// - Returns: What it was.
    mutating func end() -> String? {
        defer { (phase, requested, leftSince) = (.free, 0, nil) }
        return consumer
    }

    /// The one that a session's messages are in: FNV-1a of its id.
    static func index(of session: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in session.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // Its low bits alone depend on few of the bytes' bits.
        return Int((hash ^ hash >> 32) % UInt64(count))
    }

    /// How many messages to ask for now; 0 for none.
    mutating func pull(at now: ContinuousClock.Instant) -> Int {
        guard phase != .free else { return 0 }
        let isDue = now >= lastPull + Partition.renewal
        // What was asked for before ends in a moment. Twice the window may come.
        if isDue || now >= requestedUntil { requested = 0 }
        let room = Partition.window - here - requested
        guard isDue || takes && room > 0 && requested <= Partition.window / 2 else { return 0 }
        // Where there is no room, one at least: it renews the lease.
        let count = takes ? max(1, room) : 1
        requested += count
        requestedUntil = now + Partition.pull
        lastPull = now
        return count
    }
}
