/// Divides calls among lanes, each of which has connections of its own.
///
/// libcurl walks over all connections of a multi handle for each call that ends, and over those of a host for each that
/// begins: with 4,000 open calls that is a third of what a call costs. The lowest lane with room is taken first, so that
/// what few calls need is kept in few lanes, and is found.
struct CurlLanes {
    /// Of the calls of a lane either all are encrypted or none is.
    private struct Lane {
        let isEncrypted: Bool
        /// Calls that the lanes of its kind before it take together.
        let before: Int
        var calls = 0

        var size: Int { CurlLanes.size(isEncrypted: isEncrypted) }
    }

    private let kept: Int
    private var lanes: [Lane] = []
    /// Below these no lane of their kind has room.
    private var lowest = (plain: 0, encrypted: 0)

    /// - Parameter kept: Idle connections that the lowest lanes keep together, those that are encrypted and others.
    init(keeping kept: Int) {
        self.kept = kept
    }

    /// Calls of a lane at once. With TLS each lane reads the system's certificates for itself, so that it is not smaller;
    /// without, what libcurl walks over is to stay in the processor's nearest memory.
    static func size(isEncrypted: Bool) -> Int { isEncrypted ? 256 : 64 }

    /// A lane for a call.
    mutating func take(isEncrypted: Bool) -> Int {
        var number = isEncrypted ? lowest.encrypted : lowest.plain
        while number < lanes.count, lanes[number].isEncrypted != isEncrypted || !hasRoom(number) { number += 1 }
        if isEncrypted { lowest.encrypted = number } else { lowest.plain = number }
        if number == lanes.count {
            lanes.append(Lane(isEncrypted: isEncrypted, before: slots(isEncrypted: isEncrypted)))
        }
        lanes[number].calls += 1
        return number
    }

    private func hasRoom(_ number: Int) -> Bool { lanes[number].calls < lanes[number].size }

    /// Calls that all lanes of a kind take together.
    private func slots(isEncrypted: Bool) -> Int {
        lanes.last { $0.isEncrypted == isEncrypted }.map { $0.before + $0.size } ?? 0
    }

    /// A call of a lane has ended.
    mutating func leave(_ lane: Int) {
        lanes[lane].calls -= 1
        if lanes[lane].isEncrypted {
            lowest.encrypted = min(lowest.encrypted, lane)
        } else {
            lowest.plain = min(lowest.plain, lane)
        }
    }

    /// Gives up the lanes behind the last that has calls; those stay that keep idle connections.
    ///
    /// - Returns: How many are left.
    mutating func trim() -> Int {
        while hasEmptyEnd { lanes.removeLast() }
        lowest = (min(lowest.plain, lanes.count), min(lowest.encrypted, lanes.count))
        return lanes.count
    }

    /// Whether there is a lane to be given up.
    var hasEmptyEnd: Bool { lanes.last.map { $0.calls == 0 && $0.before >= kept } ?? false }

    /// How many connections a lane may have, those in use included. Those behind the lowest keep what their calls have used
    /// until they are given up: where many calls end at the same moment, as many may begin at the next.
    func connections(of number: Int) -> Int {
        let lane = lanes[number]
        let share = min(lane.size, kept - lane.before)
        guard lane.before == 0 else { return max(lane.calls + share, lane.size) }
        // Alone it keeps them all: calls one after the other, to many hosts.
        return lane.calls + max(share, kept - slots(isEncrypted: lane.isEncrypted) + lane.size)
    }
}
