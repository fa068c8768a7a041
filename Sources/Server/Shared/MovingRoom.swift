import Synchronization

/// How much is kept of what is said for sessions on their way between hosts, in bytes. Past that what else is said is lost.
final class MovingRoom: Sendable {
    private let limit: Int
    private let taken = Atomic<Int>(0)

    init(limit: Int = 64 << 20) { self.limit = limit }

    /// What is kept.
    var bytes: Int { taken.load(ordering: .relaxed) }

    /// - Returns: Whether there is room for so many bytes more, which are taken then.
    func take(_ bytes: Int) -> Bool {
        if taken.add(bytes, ordering: .relaxed).newValue <= limit { return true }
        give(bytes)
        return false
    }

    func give(_ bytes: Int) { taken.subtract(bytes, ordering: .relaxed) }
}
