public import Pipeline

/// A queue in memory: what every `async: true` has by itself, with a name for it.
public struct Memory: QueueStore {
    public static let name = "memory"
    public static let summary = "A queue in memory; what waits is lost when the process is killed."
    public static let example = "memory: {capacity: 1000}"

    /// How many messages may wait in each step that uses it and doesn't say.
    @Setting("How many messages may wait or be worked on, where the step's 'async' doesn't say.", in: 1...10_000_000)
    public var capacity = 1_000

    public init() {}

    public var guarantee: Queue.Guarantee { .memory(capacity: capacity) }

    public func guarantee(holding capacity: Int) -> Queue.Guarantee { .memory(capacity: capacity) }

    public func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
        MemoryQueue(Queue.Options(capacity: options.capacity ?? capacity, lanes: options.lanes))
    }
}
