import Pipeline
import Synchronization
import TestRandom
import TestShared
import Testing

@testable import Stages

@Suite("A value that hosts change together", .timeLimit(.minutes(1)))
struct SharedCellTests {
    private struct Count: SharedContent {
        var number: Int

        init(_ bytes: [UInt8]?) { number = bytes.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0 }

        var bytes: [UInt8] { Array(String(number).utf8) }
    }

    private let hub = Hub()

    private func cell(patience: Duration = .seconds(30), outage: SharedOutage = SharedOutage()) -> SharedCell<Count> {
        let values = SharedMemory(to: hub).values("counts", keptFor: .seconds(60))
        return SharedCell("count", in: SharedCells(values, outage: outage), patience: patience)
    }

    private var number: Int? {
        hub.content(of: "counts")["count"].map { Count(SharedWrites.split($0).content).number }
    }

    private func add(to cell: inout SharedCell<Count>) async throws(SharedCellFailure) -> Int {
        try await cell.change { count in
            count.number += 1
            return count.number
        }
    }

    @Test(
        "is changed once, whatever becomes of a write and of its answer",
        arguments: [Hub.Writing.failed, .unanswered, .late(.milliseconds(1)), .late(.milliseconds(30)), .overtaken])
    func once(fault: Hub.Writing) async throws {
        let left = Mutex([fault])
        hub.onWrite { _, _ in left.withLock { $0.popLast() } ?? .done }
        var cell = cell()
        #expect(try await add(to: &cell) == 1)
        #expect(try await add(to: &cell) == 2)
        #expect(number == 2)
    }

    @Test("is changed once also where another host writes before the answer is missed")
    func overwritten() async throws {
        let left = Mutex([Hub.Writing.unanswered])
        let isOver = Mutex(false)
        hub.onWrite { _, _ in left.withLock { $0.popLast() } ?? .done }
        // The first reads nothing of what was written until the second has written, too.
        hub.onRead { _, _ in isOver.withLock { !$0 } }
        var (first, second) = (cell(), cell())
        async let result = add(to: &first)
        while number != 1 { await Task.yield() }
        isOver.withLock { $0 = true }
        #expect(try await add(to: &second) == 2)
        #expect(try await result == 1)
        #expect(number == 2)
    }

    @Test("is what all have made of it, with faults of every kind", arguments: 0..<8)
    func random(seed: UInt64) async throws {
        let random = Mutex(SplitMix(seed: seed))
        hub.onWrite { _, _ in
            random.withLock { random in
                switch UInt8.random(in: 0..<20, using: &random) {
                case 0, 1: .failed
                case 2, 3, 4: .unanswered
                case 5: .late(.milliseconds(Int.random(in: 0...40, using: &random)))
                case 6: .overtaken
                default: .done
                }
            }
        }
        hub.onRead { _, _ in random.withLock { UInt8.random(in: 0..<5, using: &$0) == 0 } }
        let all = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<3 {
                group.addTask {
                    var cell = cell()
                    var found: [Int] = []
                    for _ in 0..<30 { found.append(try await add(to: &cell)) }
                    return found
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(all.sorted() == Array(1...90), "each change was made on what the one before it had made")
        #expect(number == 90)
    }

    @Test("is given up after a time while other hosts are faster, or nobody can be asked")
    func givenUp() async {
        hub.onWrite { _, _ in .overtaken }
        var contended = cell(patience: .milliseconds(20))
        await #expect(throws: SharedCellFailure.contended) { try await add(to: &contended) }
        hub.isDown = true
        let outage = SharedOutage(patience: .milliseconds(20))
        var away = cell(outage: outage)
        await #expect(throws: SharedCellFailure.away) { try await add(to: &away) }
        #expect(outage.isLong)
    }

    @Test("is not written where nothing changes, but after a write that may yet come")
    func unchanged() async throws {
        hub.onWrite { _, _ in .late(.seconds(600)) }
        var cell = cell(outage: SharedOutage(patience: .zero))
        await #expect(throws: SharedCellFailure.away) { try await add(to: &cell) }
        hub.onWrite { _, _ in .done }
        #expect(try await cell.change { $0.number } == 0)
        #expect(hub.revision == 1)
        #expect(try await cell.change { $0.number } == 0)
        #expect(hub.revision == 1)
    }

    @Test("says which writes are in it, of the last sixteen hosts")
    func writes() {
        var writes = SharedWrites()
        for host in 0..<20 { writes.note(UInt64(host), of: "host\(host)") }
        writes.note(7, of: "host5")
        #expect(writes.count == 16 && writes.number(of: "host3") == nil && writes.number(of: "host5") == 7)
        let (found, content) = SharedWrites.split(writes.bytes + Array("{}\n".utf8))
        #expect(found == writes && content == Array("{}\n".utf8))
        #expect(SharedWrites.split(Array("17".utf8)).content == Array("17".utf8))
        #expect(SharedWrites.split(nil).content == nil)
    }
}
