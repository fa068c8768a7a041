import CoreMetrics
import Synchronization

/// A value that rises and falls.
final class GaugeValue: MeterHandler, RecorderHandler {
    private let current = Mutex(0.0)

    var value: Double { current.withLock(\.self) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { current.withLock { $0 = value } }
    func increment(by amount: Double) { current.withLock { $0 += amount } }
    func decrement(by amount: Double) { current.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
}

/// How many values there were, and what they come to.
final class SummaryValue: RecorderHandler {
    private let state = Mutex((count: UInt64(0), sum: 0.0))

    var count: UInt64 { state.withLock(\.count) }
    var sum: Double { state.withLock(\.sum) }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        state.withLock { state in
            state.count += 1
            state.sum += value
        }
    }
}
