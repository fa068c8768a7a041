import Synchronization

/// Counts with a row of them for each ``ThreadSlot``, each row in cache lines of its own.
final class SlottedCounts: Sendable {
    /// Where the rows are. It keeps nothing alive: a reference that is counted for each message, by every thread, would
    /// cost more than what it leads to.
    struct Rows: Sendable {
        // What is behind it are atomics, which any thread may change.
        fileprivate nonisolated(unsafe) let first: UnsafeMutablePointer<Atomic<UInt64>>
        fileprivate let stride: Int

        /// Adds in the thread's own row.
        @inline(__always)
        func add(_ amount: UInt64, to column: Int = 0, in slot: ThreadSlot) {
            let cell = first + (slot.number &* stride &+ column)
            if slot.isShared {
                cell.pointee.wrappingAdd(amount, ordering: .relaxed)
            } else {
                cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
            }
        }
    }

    /// For as long as these counts live.
    let rows: Rows
    private let slots = ThreadSlot.count

    /// Rows of so many counts, all of them 0.
    init(width: Int) {
        let lineBytes = 64
        let perLine = lineBytes / MemoryLayout<Atomic<UInt64>>.stride
        let stride = (width + perLine - 1) / perLine * perLine
        let bytes = stride * slots * MemoryLayout<Atomic<UInt64>>.stride
        let cells = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: lineBytes)
            .bindMemory(to: Atomic<UInt64>.self, capacity: stride * slots)
        for index in 0..<(stride * slots) { (cells + index).initialize(to: Atomic(0)) }
        rows = Rows(first: cells, stride: stride)
    }

    deinit {
        rows.first.deinitialize(count: rows.stride * slots)
        rows.first.deallocate()
    }

    /// Adds in the calling thread's row.
    func add(_ amount: UInt64, to column: Int = 0, in slot: ThreadSlot) {
        rows.add(amount, to: column, in: slot)
    }

    /// What all threads have added up to.
    func sum(of column: Int) -> UInt64 {
        (0..<slots).reduce(0) { $0 &+ rows.first[$1 * rows.stride + column].load(ordering: .relaxed) }
    }
}
