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
    @Test("are filled from the lowest on, which is taken again when a call has ended")
    func lowest() {
        var lanes = CurlLanes(keeping: 256)
        let taken = (0..<(2 * CurlLanes.size + 1)).map { _ in lanes.take() }
        #expect(taken.first == 0 && taken[CurlLanes.size] == 1 && taken.last == 2)
        lanes.leave(0)
        lanes.leave(1)
        #expect([lanes.take(), lanes.take(), lanes.take()] == [0, 1, 2])
    }

    @Test("are given up from the last on where they have no calls, but for the lowest")
    func trimming() {
        var lanes = CurlLanes(keeping: 256)
        for _ in 0..<(3 * CurlLanes.size) { _ = lanes.take() }
        for _ in 0..<CurlLanes.size { lanes.leave(1) }
        #expect(!lanes.hasEmptyEnd && lanes.trim() == 3)
        for _ in 0..<CurlLanes.size { lanes.leave(2) }
        #expect(lanes.hasEmptyEnd && lanes.trim() == 1)
        for _ in 0..<CurlLanes.size { lanes.leave(0) }
        #expect(!lanes.hasEmptyEnd && lanes.trim() == 1)
        #expect((0...CurlLanes.size).map { _ in lanes.take() }.last == 1)
    }

    @Test("keep as many idle connections together as are to be kept, and as many as they had calls")
    func idleConnections() {
        /// What each lane may have with so many calls in it.
        func connections(_ calls: Int, keeping kept: Int) -> [Int] {
            var lanes = CurlLanes(keeping: kept)
            for _ in 0..<(4 * CurlLanes.size) { _ = lanes.take() }
            for lane in 0..<4 { for _ in calls..<CurlLanes.size { lanes.leave(lane) } }
            return (0..<4).map(lanes.connections)
        }
        let size = CurlLanes.size
        #expect(connections(size, keeping: size) == [2 * size, size, size, size])
        #expect(connections(size, keeping: 2 * size) == [2 * size, 2 * size, size, size])
        #expect(connections(size, keeping: 1) == [size + 1, size, size, size])
        // Many calls have ended at the same moment.
        #expect(connections(0, keeping: size) == [size, size, size, size])
        #expect(connections(0, keeping: 1) == [1, size, size, size])
    }
}
