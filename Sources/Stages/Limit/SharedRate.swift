import Pipeline

/// What all hosts know of a client's messages: until when those that were let through count. So one number stands for a bucket of
/// tokens, which nobody has to fill.
struct SharedRate: SharedContent {
    /// Nanoseconds since 1970.
    var end: Int64

    /// As it is written.
    var bytes: [UInt8] { Array(String(end).utf8) }

    init(end: Int64) {
        self.end = end
    }

    /// Nobody has come yet where there is no number. One of a century that is none of ours is taken for less, so that a time may
    /// be added to it.
    init(_ bytes: [UInt8]?) {
        let found = bytes.flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0
        end = max(0, min(found, .max / 2))
    }

    /// Lets messages through, as many as may come.
    ///
    /// - Parameters:
    ///   - wanted: How many there are.
    ///   - capacity: How many may come in a time; so many at once.
    ///   - time: That time in nanoseconds.
    ///   - now: Nanoseconds since 1970.
    /// - Returns: How many go through, and how long the next one has to wait.
    mutating func take(_ wanted: Int, capacity: Int, every time: Int64, now: Int64) -> (taken: Int, wait: Int64) {
        let pause = max(1, time / Int64(capacity))
        let begin = max(end, now)
        let room = max(0, (now + time - begin) / pause)
        let taken = min(Int64(wanted), room)
        end = begin + taken * pause
        return (Int(taken), max(0, end + pause - time - now))
    }
}
