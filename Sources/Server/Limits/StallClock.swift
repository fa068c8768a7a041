import NIOCore

/// For how long a client has taken nothing of what waits for it: a pure value that is told now and then how much it has
/// taken in all, so that it does not matter how much is added meanwhile.
struct StallClock {
    private var taken: Int
    private var since: NIODeadline

    init(taken: Int, now: NIODeadline) {
        (self.taken, since) = (taken, now)
    }

    /// How long ago the client was last seen to have taken anything.
    mutating func idle(taken: Int, at now: NIODeadline) -> TimeAmount {
        if taken != self.taken { (self.taken, since) = (taken, now) }
        return now - since
    }
}
