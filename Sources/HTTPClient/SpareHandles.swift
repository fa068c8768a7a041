/// Handles between two calls, which cost 6 KiB each and are dear to make: it takes 15 % of a short call.
///
/// As many as have been in use at once of late are kept: those that no call has needed for ten seconds are let go of, but
/// for a few.
struct SpareHandles<Handle> {
    /// Let go of where they are more, however they are used.
    static var maxCount: Int { 4_096 }

    /// Kept, however long they have not been used.
    static var fewest: Int { 64 }

    static var period: Duration { .seconds(10) }

    private var handles: [Handle] = []
    /// The fewest that there were since the period began: so many have not been used in it.
    private var unused = 0

    /// When the period ends; `nil` where there are few.
    private(set) var periodEnd: ContinuousClock.Instant?

    /// The one that was in use last.
    mutating func take() -> Handle? {
        defer { unused = min(unused, handles.count) }
        return handles.popLast()
    }

    /// Takes one back, which is let go of where there are too many.
    mutating func put(_ handle: Handle) {
        guard handles.count < Self.maxCount else { return }
        handles.append(handle)
        guard handles.count > Self.fewest, periodEnd == nil else { return }
        (unused, periodEnd) = (handles.count, .now + Self.period)
    }

    /// Lets go of those that were not used in the period that has ended.
    mutating func endPeriod(_ now: ContinuousClock.Instant) {
        handles.removeFirst(max(0, min(unused, handles.count - Self.fewest)))
        unused = handles.count
        periodEnd = handles.count > Self.fewest ? now + Self.period : nil
    }

    /// Lets go of all.
    mutating func removeAll() { (handles, unused, periodEnd) = ([], 0, nil) }

    /// How many there are.
    var count: Int { handles.count }
}
