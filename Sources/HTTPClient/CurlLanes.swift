/// Divides calls among lanes, each of which has connections of its own.
///
/// libcurl walks over all connections of a multi handle for each call that ends, and over those of a host for each that
/// begins: with 4,000 open calls that is a third of what a call costs. The lowest lane with room is taken first, so that
/// what few calls need is kept in few lanes, and is found.
struct CurlLanes {
    /// Calls of a lane at once. Each lane reads the system's certificates for itself, so that it is not smaller.
    static let size = 256
    private let kept: Int
    private var counts: [Int] = []
    private var lowest = 0

    /// - Parameter kept: Idle connections that the lowest lanes keep together.
    init(keeping kept: Int) {
        self.kept = kept
    }

    /// A lane for a call.
    mutating func take() -> Int {
        while lowest < counts.count, counts[lowest] >= Self.size { lowest += 1 }
        if lowest == counts.count { counts.append(0) }
        counts[lowest] += 1
        return lowest
    }

    /// A call of a lane has ended.
    mutating func leave(_ lane: Int) {
        counts[lane] -= 1
        lowest = min(lowest, lane)
    }

    /// Gives up the lanes behind the last that has calls; those stay that keep idle connections.
    ///
    /// - Returns: How many are left.
    mutating func trim() -> Int {
        while hasEmptyEnd { counts.removeLast() }
        lowest = min(lowest, counts.count)
        return counts.count
    }

    /// Whether there is a lane to be given up.
    var hasEmptyEnd: Bool { counts.count > max(1, (kept + Self.size - 1) / Self.size) && counts.last == 0 }

    /// How many connections a lane may have, those in use included. Those behind the lowest keep what their calls have used
    /// until they are given up: where many calls end at the same moment, as many may begin at the next.
    func connections(of lane: Int) -> Int {
        let share = min(Self.size, kept - lane * Self.size)
        return lane == 0 ? counts[lane] + share : max(counts[lane] + share, Self.size)
    }
}
