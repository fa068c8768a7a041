import DequeModule

/// What one host has said to another and heard from it: each message has a number in its order, is kept until it is
/// acknowledged, and counts once.
struct HostPeer {
    private struct Sent {
        let order: Int
        let bytes: [UInt8]
        let since: ContinuousClock.Instant
        /// When it was sent last; `nil` where it was not.
        var last: ContinuousClock.Instant?
    }

    /// How much is sent again at once.
    private static let maxAgain = (messages: 256, bytes: 1 << 20)
    /// How much is kept of what came before what it follows.
    private static let maxEarly = (messages: 1_024, bytes: 8 << 20)
    private static let longestWait: Duration = .seconds(5)

    /// Whether it puts numbers in order, and acknowledges: a host of a version before does not.
    var isNumbered = false
    /// When it was heard last.
    var lastHeard: ContinuousClock.Instant
    /// What is kept until it is acknowledged, in bytes.
    private(set) var bytes = 0
    /// Whether it is about to be told what has come.
    var isAcknowledging = false

    /// Whether it was told that what was said to it is lost, and nothing more since.
    var isGivenUp = false

    private var lastOrder = 0
    private var unacknowledged = Deque<Sent>()
    private var wait: Duration = .zero
    private var heardOrder = 0
    private var early: [Int: (message: HostMessage, size: Int)] = [:]
    private var earlyBytes = 0

    init(at now: ContinuousClock.Instant) { lastHeard = now }

    /// Whether something waits to be acknowledged.
    var isWaiting: Bool { !unacknowledged.isEmpty }

    /// The number of the last message that came in its order.
    var heard: Int { heardOrder }

    // MARK: - What is said

    /// Gives a message its number.
    mutating func nextOrder() -> Int {
        lastOrder += 1
        return lastOrder
    }

    /// Keeps a message that has got its number until it is acknowledged.
    mutating func keep(_ message: [UInt8], _ order: Int, wasSent: Bool, at now: ContinuousClock.Instant) {
        unacknowledged.append(Sent(order: order, bytes: message, since: now, last: wasSent ? now : nil))
        bytes += message.count
    }

    /// Notes what has come there.
    mutating func acknowledge(_ order: Int) {
        guard let first = unacknowledged.first, first.order <= order else { return }
        while let first = unacknowledged.first, first.order <= order {
            bytes -= first.bytes.count
            unacknowledged.removeFirst()
        }
        wait = .zero
    }

    /// What is to be sent again now.
    mutating func due(at now: ContinuousClock.Instant, _ patience: HostPatience) -> [[UInt8]] {
        guard let first = unacknowledged.first else { return [] }
        if let last = first.last, now - last < max(wait, patience.resend) { return [] }
        wait = min(Self.longestWait, max(wait * 2, patience.resend))
        var (again, size): ([[UInt8]], Int) = ([], 0)
        for index in unacknowledged.indices.prefix(Self.maxAgain.messages) {
            size += unacknowledged[index].bytes.count
            if !again.isEmpty, size > Self.maxAgain.bytes { break }
            unacknowledged[index].last = now
            again.append(unacknowledged[index].bytes)
        }
        return again
    }

    /// How long the oldest has waited.
    func age(at now: ContinuousClock.Instant) -> Duration { unacknowledged.first.map { now - $0.since } ?? .zero }

    /// Keeps nothing of what was said any more.
    mutating func giveUp() {
        unacknowledged = []
        bytes = 0
        wait = .zero
    }

    // MARK: - What is heard

    /// Puts a message in its order.
    ///
    /// - Returns: What may be worked on now; and whether messages before it are lost for good.
    mutating func accept(_ message: HostMessage, _ order: Int, size: Int) -> (ready: [HostMessage], isLost: Bool) {
        guard order > heardOrder, early[order] == nil else { return ([], false) }
        if message.kind == .lost {
            let isLost = order > heardOrder + 1
            heardOrder = order
            early = early.filter { $0.key > order }
            earlyBytes = early.values.reduce(0) { $0 + $1.size }
            return (next(), isLost)
        }
        if order == heardOrder + 1 {
            heardOrder = order
            return ([message] + next(), false)
        }
        if early.count < Self.maxEarly.messages, earlyBytes + size <= Self.maxEarly.bytes {
            early[order] = (message, size)
            earlyBytes += size
        }
        return ([], false)
    }

    private mutating func next() -> [HostMessage] {
        var ready: [HostMessage] = []
        while let (message, size) = early.removeValue(forKey: heardOrder + 1) {
            heardOrder += 1
            earlyBytes -= size
            ready.append(message)
        }
        return ready
    }
}
