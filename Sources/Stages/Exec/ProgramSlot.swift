import DequeModule

/// One place in a pool: the process that is there, and what it works on.
struct ProgramSlot {
    enum Phase: Equatable {
        /// No process; one is to start then.
        case down(until: UInt64)
        /// A process is being started.
        case starting
        /// It runs, and gets messages once it has given a sign of life.
        case silent
        /// It gets messages.
        case up
        /// It was killed, and is not gone yet.
        case ending
    }

    /// A line that was sent and not answered.
    struct Line {
        let id: Int
        /// `nil` for one that asks for a sign of life.
        let job: ProgramJob?
        /// When the process began to work on it, as far as can be known.
        var since: UInt64?
        /// For how long it may.
        let limit: UInt64
        /// Whether no other message may be in the process with it.
        var isAlone = false
        /// Whether a piece of the answer has come, so that no other process can begin it again.
        var hasBegun = false
        /// Bytes of the pieces that have come.
        var received = 0
        /// Whether the process was told that nobody waits any more.
        var isCancelled = false
    }

    var phase = Phase.down(until: 0)
    var lines: Deque<Line> = []
    /// Bytes for the process.
    var outgoing: [UInt8] = []
    /// How often in a row it ended without having answered anything.
    var failures = 0
    /// How many answers in a row it wrote that nobody waits for.
    var needless = 0
    /// Since when nobody reads what it writes, because a client takes too little. Its clocks stand still.
    private(set) var heldSince: UInt64?
    /// Whether the process has answered anything, be it a piece.
    var hasAnswered = false
    /// When it last gave a sign of life.
    var lastSign: UInt64 = 0
    /// How many lines it gets before it has answered: one from a slow program, many from a fast one, which then never
    /// waits for the next.
    private var ahead = 1

    private static let mostAhead = 64
    private static let fast: UInt64 = 2_000_000

    /// Whether it may get another message.
    func hasRoom(_ rules: ProgramRules, alone: Bool) -> Bool {
        // A client that takes its pieces slowly would hold up the lines ahead.
        let maxLines = rules.streams ? rules.concurrency : max(rules.concurrency, ahead)
        guard phase == .up, lines.count < maxLines else { return false }
        return alone ? lines.isEmpty : lines.first?.isAlone != true
    }

    mutating func send(id: Int, text: String, version: Int) {
        outgoing.append(contentsOf: RequestLine.beginning(version: version).utf8)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (place, rest) = (20, id)
            repeat {
                place -= 1
                digits[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            outgoing.append(contentsOf: UnsafeBufferPointer(rebasing: digits[place...]))
        }
        outgoing.append(contentsOf: text.utf8)
    }

    /// Notes a piece of the answer to that line.
    ///
    /// - Returns: How many bytes have come of it now.
    mutating func note(bytes: Int, at index: Int, now: UInt64) -> Int {
        (failures, lastSign, hasAnswered) = (0, now, true)
        lines[index].since = lines[index].since ?? now
        lines[index].hasBegun = true
        lines[index].received += bytes
        return lines[index].received
    }

    /// Nobody reads what it writes from now on.
    mutating func hold(now: UInt64) { heldSince = heldSince ?? now }

    /// What it writes is read again.
    mutating func release(now: UInt64) {
        guard let start = heldSince.take() else { return }
        lastSign = now
        for index in lines.indices {
            if let since = lines[index].since { lines[index].since = since + now - max(since, start) }
        }
    }

    /// Takes a line that the process answered.
    mutating func take(at index: Int, now: UInt64) -> Line {
        let line = lines.remove(at: index)
        (failures, lastSign, hasAnswered) = (0, now, true)
        if line.job != nil, let since = line.since {
            ahead = now - since < ProgramSlot.fast ? min(ahead * 2, ProgramSlot.mostAhead) : max(1, ahead / 2)
        }
        return line
    }

    /// The clock of a line starts once the process can work on it.
    mutating func startClocks(concurrency: Int, now: UInt64) {
        for index in lines.indices.prefix(concurrency) where lines[index].since == nil { lines[index].since = now }
    }

    /// Takes everything that a process which is no more can't answer.
    mutating func takeAll() -> Deque<Line> {
        defer { (lines, outgoing, ahead, heldSince, needless) = ([], [], 1, nil, 0) }
        return lines
    }
}
