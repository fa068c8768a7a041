import Testing

@testable import HTTPClient

@Suite("Deadlines")
struct DeadlinesTests {
    private final class Item: Timed {
        var deadlineIndex: Int?
        let time: ContinuousClock.Instant

        init(_ time: ContinuousClock.Instant) { self.time = time }
    }

    @Test("come in order, whichever were removed before")
    func order() {
        let start = ContinuousClock.now
        // Each of 1 to 1,009 once, as that is a prime.
        let items = (1...1_008).map { Item(start + .milliseconds($0 * 331 % 1_009)) }
        var deadlines = Deadlines<Item>()
        for item in items { deadlines.add(item, at: item.time) }
        for item in items.enumerated().filter({ $0.offset % 3 == 0 }).map(\.element) { deadlines.remove(item) }
        let left = items.enumerated().filter { $0.offset % 3 != 0 }.map(\.element.time).sorted()
        var taken: [ContinuousClock.Instant] = []
        while let item = deadlines.popFirst(at: start + .seconds(2)) {
            taken.append(item.time)
            #expect(item.deadlineIndex == nil)
        }
        #expect(taken == left)
        #expect(deadlines.next == nil)
    }

    @Test("have not passed before their time")
    func time() {
        let start = ContinuousClock.now
        let item = Item(start + .seconds(1))
        var deadlines = Deadlines<Item>()
        deadlines.add(item, at: item.time)
        #expect(deadlines.popFirst(at: item.time - .nanoseconds(1)) == nil)
        #expect(deadlines.popFirst(at: item.time) === item)
        deadlines.remove(item)
    }
}

@Suite("Lanes of calls")
struct CurlLanesTests {
    @Test("are filled from the lowest on, which is taken again when a call has ended", arguments: [false, true])
    func lowest(isEncrypted: Bool) {
        let size = CurlLanes.size(isEncrypted: isEncrypted)
        var lanes = CurlLanes(keeping: 256)
        func take() -> Int { lanes.take(isEncrypted: isEncrypted) }
        let taken = (0..<(2 * size + 1)).map { _ in take() }
        #expect(taken.first == 0 && taken[size] == 1 && taken.last == 2)
        lanes.leave(0)
        lanes.leave(1)
        #expect([take(), take(), take()] == [0, 1, 2])
    }

    @Test("have encrypted calls or others, and fewer of these")
    func kinds() {
        var lanes = CurlLanes(keeping: 256)
        let sizes = (CurlLanes.size(isEncrypted: false), CurlLanes.size(isEncrypted: true))
        #expect(sizes.0 < sizes.1)
        let taken = (0...sizes.1).map { _ in (lanes.take(isEncrypted: false), lanes.take(isEncrypted: true)) }
        #expect(Set(taken.map(\.0)).isDisjoint(with: taken.map(\.1)))
        #expect(Set(taken.map(\.0)).count == sizes.1 / sizes.0 + 1 && Set(taken.map(\.1)).count == 2)
        // Each kind keeps its own.
        for (plain, encrypted) in taken {
            lanes.leave(plain)
            lanes.leave(encrypted)
        }
        #expect(lanes.take(isEncrypted: true) == taken[0].1 && lanes.take(isEncrypted: false) == taken[0].0)
        #expect(lanes.connections(of: taken[0].1) == 1 + sizes.1)
    }

    @Test("are given up from the last on where they have no calls, but for the lowest")
    func trimming() {
        let size = CurlLanes.size(isEncrypted: true)
        var lanes = CurlLanes(keeping: 256)
        for _ in 0..<(3 * size) { _ = lanes.take(isEncrypted: true) }
        for _ in 0..<size { lanes.leave(1) }
        #expect(!lanes.hasEmptyEnd && lanes.trim() == 3)
        for _ in 0..<size { lanes.leave(2) }
        #expect(lanes.hasEmptyEnd && lanes.trim() == 1)
        for _ in 0..<size { lanes.leave(0) }
        #expect(!lanes.hasEmptyEnd && lanes.trim() == 1)
        #expect((0...size).map { _ in lanes.take(isEncrypted: true) }.last == 1)
    }

    @Test(
        "keep as many idle connections together as are to be kept, and as many as they had calls",
        arguments: [false, true])
    func idleConnections(isEncrypted: Bool) {
        let size = CurlLanes.size(isEncrypted: isEncrypted)
        /// What each lane may have with so many calls in it.
        func connections(_ calls: Int, keeping kept: Int) -> [Int] {
            var lanes = CurlLanes(keeping: kept)
            for _ in 0..<(4 * size) { _ = lanes.take(isEncrypted: isEncrypted) }
            for lane in 0..<4 { for _ in calls..<size { lanes.leave(lane) } }
            return (0..<4).map(lanes.connections)
        }
        #expect(connections(size, keeping: size) == [2 * size, size, size, size])
        #expect(connections(size, keeping: 2 * size) == [2 * size, 2 * size, size, size])
        #expect(connections(size, keeping: 1) == [size + 1, size, size, size])
        // Many calls have ended at the same moment.
        #expect(connections(0, keeping: size) == [size, size, size, size])
        #expect(connections(0, keeping: 1) == [1, size, size, size])
        // The lowest is there alone.
        var lanes = CurlLanes(keeping: 4 * size)
        let lane = lanes.take(isEncrypted: isEncrypted)
        #expect(lanes.connections(of: lane) == 1 + 4 * size)
    }
}
