import Glibc
import Synchronization

/// Random numbers from the kernel's secure generator, fetched many at a time: asking it for each message's id costs
/// more than all the rest of making a message.
///
/// Each thread has numbers of its own. Those beyond the number of ``ThreadSlot``s share some, behind a lock.
struct RandomPool: ~Copyable, Sendable {
    private static let shared = RandomPool()

    // A row is only touched by the thread that has its slot, the first only behind the lock.
    private nonisolated(unsafe) let rows: UnsafeMutablePointer<UInt64>
    private let lock = Mutex(())

    /// 256 bytes are the most that one call of `getentropy` gives.
    private static let numbers = 32
    /// How many of a row's numbers are left stands before them; rows begin on cache lines of their own.
    private static let stride = 40

    private init() {
        let count = ThreadSlot.count * RandomPool.stride
        rows = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<UInt64>.stride, alignment: 64)
            .bindMemory(to: UInt64.self, capacity: count)
        rows.initialize(repeating: 0, count: count)
    }

    /// A number that nobody has had before.
    static func next() -> UInt64 {
        let slot = ThreadSlot.current
        guard !slot.isShared else { return shared.lock.withLock { _ in next(in: shared.rows) } }
        return next(in: shared.rows + slot.number * stride)
    }

    private static func next(in row: UnsafeMutablePointer<UInt64>) -> UInt64 {
        if row[0] == 0 { refill(row) }
        let place = Int(row[0])
        row[0] -= 1
        // A number that was given out is not kept.
        defer { row[place] = 0 }
        return row[place]
    }

    private static func refill(_ row: UnsafeMutablePointer<UInt64>) {
        if getentropy(row + 1, numbers * MemoryLayout<UInt64>.stride) != 0 {
            var generator = SystemRandomNumberGenerator()
            for place in 1...numbers { row[place] = generator.next() }
        }
        row[0] = UInt64(numbers)
    }
}
