package import CoreMetrics

/// A counter that is incremented for every message: at its address, where the host itself keeps the metrics.
package struct MessageCounter: Sendable {
    private let handler: any CounterHandler
    let rows: SlottedCounts.Rows?

    /// Counts with swift-metrics' handler, and keeps it alive.
    package init(_ handler: any CounterHandler) {
        self.handler = handler
        rows = (handler as? FastCounter)?.rows
    }

    /// Adds to it.
    package func add(_ number: Int) { add(number, in: .current) }

    func add(_ number: Int, in slot: ThreadSlot) {
        if let rows {
            rows.add(UInt64(max(0, number)), in: slot)
        } else {
            handler.increment(by: Int64(number))
        }
    }
}
