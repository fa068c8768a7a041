/// Divides calls into lanes, each of which looks for a kept connection among its own alone.
///
/// libcurl walks over a host's connections, those in use as well, until it finds one that is free: with 4,000 open calls
/// that is what most of a new one costs. The lowest lane with room is taken first, so that what few calls need is kept in
/// few lanes, and is found.
struct CurlLanes {
    /// Calls of a lane at once. As many streams share an HTTP/2 connection with servers that allow few.
    static let size = 64

    private var counts: [Int] = []
    private var lowest = 0

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
}
