import Synchronization

/// One kind of what is kept.
protocol KeptKind: AnyObject, Sendable {
    static var kind: KeptBudget.Kind { get }

    /// When the oldest of it was kept or used last, as a stamp of the budget's.
    var oldest: Int? { get }

    /// Lets the oldest go, and says to the budget what that has freed.
    func dropOldest()
}

/// Counts the bytes of everything that is kept, and lets the oldest go where they are too many.
///
/// The bytes are those that the allocator gives, not those of the texts alone: a short answer costs ten times its length.
final class KeptBudget: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case answers, sessions, messages
    }

    /// What there is of a kind.
    private final class Tally: Sendable {
        let bytes = Atomic<Int>(0)
        let dropped = Atomic<Int>(0)
    }

    /// How many bytes may be kept.
    private let maxBytes: Atomic<Int>
    private let answers = Tally()
    private let sessions = Tally()
    private let messages = Tally()
    private let latest = Atomic<Int>(0)
    /// Held while something is dropped.
    private let kinds = Mutex<[any KeptKind]>([])

    init(limit: Int) {
        maxBytes = Atomic(limit)
    }

    var limit: Int { maxBytes.load(ordering: .relaxed) }

    /// What is over another limit goes in steps, so that nobody who has something kept meanwhile lets all of it go himself.
    func change(limit: Int) async {
        let step = 256 << 10
        var next = min(total, self.limit)
        while next > limit {
            next = max(limit, next - step)
            maxBytes.store(next, ordering: .relaxed)
            trim()
            await Task.yield()
        }
        maxBytes.store(limit, ordering: .relaxed)
    }

    func watch(_ kinds: [any KeptKind]) { self.kinds.withLock { $0 = kinds } }

    /// A number greater than all before it.
    func stamp() -> Int { latest.add(1, ordering: .relaxed).newValue }

    /// How many stamps there were since that one.
    func age(of stamp: Int) -> Int { latest.load(ordering: .relaxed) - stamp }

    /// How many bytes of a kind are kept, and how many of it had to go.
    func state(of kind: Kind) -> (bytes: Int, dropped: Int) {
        let tally = tally(of: kind)
        return (tally.bytes.load(ordering: .relaxed), tally.dropped.load(ordering: .relaxed))
    }

    private func tally(of kind: Kind) -> Tally {
        switch kind {
        case .answers: answers
        case .sessions: sessions
        case .messages: messages
        }
    }

    private var total: Int { Kind.allCases.reduce(0) { $0 + tally(of: $1).bytes.load(ordering: .relaxed) } }

    /// Notes that more is kept, or less. Never called with a lock of a ``KeptKind`` held: that may be asked to drop something.
    func add(_ bytes: Int, of kind: Kind) {
        tally(of: kind).bytes.add(bytes, ordering: .relaxed)
        if bytes > 0, total > limit { trim() }
    }

    private func trim() {
        // What is used again while this goes on is not looked at twice.
        let now = stamp()
        kinds.withLock { kinds in
            while total > limit {
                let oldest = kinds.compactMap { kind in kind.oldest.map { (kind: kind, stamp: $0) } }
                    .min { $0.stamp < $1.stamp }
                guard let oldest, oldest.stamp < now else { return }
                oldest.kind.dropOldest()
                tally(of: type(of: oldest.kind).kind).dropped.add(1, ordering: .relaxed)
            }
        }
    }
}
