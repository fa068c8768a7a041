import CoreMetrics
import DequeModule
import Synchronization

/// Spans that have ended and wait to be sent: as many as there is room for. A message never waits here; what comes while
/// it is full is dropped and counted.
final class SpanBuffer: Sendable {
    /// How many are sent together.
    static let batch = 512

    private let capacity: Int
    private let spans = Mutex(Deque<String>())
    private let dropped: any CounterHandler
    /// Says that a batch is full, or that somebody wants what there is to be sent.
    let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init(capacity: Int, factory: any MetricsFactory = MetricsSystem.factory) {
        self.capacity = capacity
        dropped = factory.makeCounter(label: HostMetric.spansDropped.rawValue, dimensions: [("reason", "full")])
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ span: String) {
        let count: Int? = spans.withLock { spans in
            guard spans.count < capacity else { return nil }
            spans.append(span)
            return spans.count
        }
        guard let count else { return dropped.increment(by: 1) }
        if count % SpanBuffer.batch == 0 { wake() }
    }

    /// Takes the next out, the oldest first.
    func take() -> [String] {
        spans.withLock { spans in
            let batch = Array(spans.prefix(SpanBuffer.batch))
            spans.removeFirst(batch.count)
            return batch
        }
    }

    func wake() {
        waker.yield()
    }

    /// Nothing wakes any more.
    func finish() {
        waker.finish()
    }
}
