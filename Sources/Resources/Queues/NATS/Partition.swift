import NATS

/// One part of a queue: the messages of some sessions, which one worker at a time has to itself.
///
/// Who has it is settled by the server: a work-queue stream takes one consumer for each subject, and removes a consumer that
/// asks for nothing for some seconds. So the consumer is the lease, and asking for messages renews it.
struct Partition {
    /// This worker's consumer; `nil` where it has none.
    var consumer: String?
    /// Which of its consumers that is, counted from the start.
    var number = 0
    /// Whether messages that come are taken. Not while it is being given away, and not when some were left out, until its
    /// consumer is made anew and begins again with the first.
    var takes = false
    /// Whether it is to be given to another worker once nothing of it is being worked on.
    var isLeaving = false
    /// Messages that were asked for and have not come.
    var requested = 0
    /// When that ends.
    var requestedUntil = ContinuousClock.now
    var lastPull = ContinuousClock.now
    /// Messages of it that are here.
    var here = 0
    /// Until when it is kept though others have less.
    var keptUntil = ContinuousClock.now
    /// How often in a row the stream had messages of it while none came.
    var polledLeft = 0
    /// When it may be tried for again.
    var notBefore = ContinuousClock.now

    /// How many parts there are. The hash of a session says which one it is in, so that this can't change while messages wait.
    static let count = 16
    /// How many messages of one are here at most, but for some that come after it was full.
    static let window = 128
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

    /// The one that a session's messages are in: FNV-1a of its id.
    static func index(of session: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in session.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // Its low bits alone depend on few of the bytes' bits.
        return Int((hash ^ hash >> 32) % UInt64(count))
    }

    /// How many messages to ask for now; 0 for none.
    mutating func pull(at now: ContinuousClock.Instant) -> Int {
        guard consumer != nil, takes || isLeaving else { return 0 }
        let isDue = now >= lastPull + Partition.renewal
        // What was asked for before ends in a moment. Twice the window may come, which the consumer allows.
        if isDue || now >= requestedUntil { requested = 0 }
        let room = Partition.window - here - requested
        guard isDue || !isLeaving && takes && room > 0 && requested <= Partition.window / 2 else { return 0 }
        // Where there is no room, one at least: it renews the lease.
        let count = isLeaving ? 1 : max(1, room)
        requested += count
        requestedUntil = now + Partition.pull
        lastPull = now
        return count
    }
}
