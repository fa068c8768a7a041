import Synchronization

/// Counts with a row of them for each ``ThreadSlot``, each row in cache lines of its own.
final class SlottedCounts: Sendable {
    private static let lineBytes = 64

    // What is behind it are atomics, made here and destroyed in `deinit`.
    private nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private let stride: Int
    private let width: Int
    private let slots: Int

    /// Rows of so many counts, all of them 0.
    init(width: Int) {
        let perLine = SlottedCounts.lineBytes / MemoryLayout<Atomic<UInt64>>.stride
        self.width = width
        slots = ThreadSlot.count
        stride = (width + perLine - 1) / perLine * perLine
        let bytes = stride * slots * MemoryLayout<Atomic<UInt64>>.stride
        cells = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: SlottedCounts.lineBytes)
            .bindMemory(to: Atomic<UInt64>.self, capacity: stride * slots)
        for index in 0..<(stride * slots) { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit {
        cells.deinitialize(count: stride * slots)
        cells.deallocate()
    }

    /// Adds in the calling thread's row.
    func add(_ amount: UInt64, to column: Int, in slot: ThreadSlot) {
        let cell = cells + (slot.number * stride + column)
        if slot.number == 0 {
            cell.pointee.wrappingAdd(amount, ordering: .relaxed)
        } else {
            cell.pointee.store(cell.pointee.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
        }
    }

    /// What all threads have added up to.
    func sum(of column: Int) -> UInt64 {
        (0..<slots).reduce(0) { $0 &+ cells[$1 * stride + column].load(ordering: .relaxed) }
    }
}
