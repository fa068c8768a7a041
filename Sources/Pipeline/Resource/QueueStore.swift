/// A queue under `resources:`, for asynchronous steps that name it: `async: {queue: outbox}`.
public protocol QueueStore: Resource {
    /// What becomes of messages that wait when something fails.
    var guarantee: Queue.Guarantee { get }

    /// The same where the step that uses it says how many messages may wait.
    func guarantee(holding capacity: Int) -> Queue.Guarantee

    /// The messages of one step. Called once when the step is opened, after the resource.
    ///
    /// - Parameters:
    ///   - consumer: The step's label: what an earlier process left for it comes first.
    ///   - options: What the step wants of it.
    /// - Throws: What must stop the host from starting.
    func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue

    /// Says in the log what waits for steps that there are no more. Called once every step has its messages.
    func reportAbandoned() async
}

extension QueueStore {
    /// A queue.
    public static var kind: String { "queue" }

    /// The same, and no more than so many messages.
    public func guarantee(holding capacity: Int) -> Queue.Guarantee {
        var guarantee = guarantee
        guarantee.capacity = min(capacity, guarantee.capacity ?? capacity)
        return guarantee
    }

    /// Nothing: for queues that hold nothing of an earlier run.
    public func reportAbandoned() async {}
}

/// Messages that wait for a step.
public protocol MessageQueue: Sendable {
    /// Takes a message if that needs no waiting; `nil` where it does.
    func pushWithoutWaiting(_ message: Message) -> Queue.PushOutcome?

    /// Takes a message and returns once it is kept as the guarantee says.
    ///
    /// - Throws: Where it can't be kept.
    func push(_ message: Message) async throws(PipelineError) -> Queue.PushOutcome

    /// Waits until there may be room, the queue is closed or the task is cancelled.
    func waitForRoom() async

    /// The next messages of a lane, up to a limit; none once the queue is closed and nothing is left to hand out, or
    /// after ``wakeWorkers()``.
    ///
    /// - Parameters:
    ///   - lane: The lane.
    ///   - limit: The most messages.
    ///   - linger: How long the first of them may wait for the others, so that they go together.
    func next(lane: Int, upTo limit: Int, lingering linger: Duration) async -> [QueuedMessage]

    /// Lets go of messages that were worked on.
    func finish(_ messages: [QueuedMessage], lane: Int)

    /// Takes messages back that were handed out and not worked on: they are the next of their lane.
    func putBack(_ messages: [QueuedMessage], lane: Int)

    /// Lets those who wait for the next messages go on with none, so that others can take their place.
    func wakeWorkers()

    /// Messages of a session that wait or are being worked on, in order; of very many only the last ones.
    ///
    /// - Throws: Where some of them can't be read.
    func waiting(ofSession id: String) async throws(PipelineError) -> [Message]

    /// Messages in memory that wait or are being worked on, and pass a test. It may look at each of them.
    func waiting(where passes: @Sendable (Message) -> Bool) -> [Message]

    /// The message of a session with an id, where it waits or is being worked on, however many others do.
    ///
    /// - Throws: Where that can't be read.
    func waiting(_ id: UniqueID, ofSession session: String) async throws(PipelineError) -> [Message]

    /// Takes no message any more. What waits in memory alone is still handed out; what is kept elsewhere stays there.
    func close()

    /// Lets go of what would be lost when the process ends: what waits in memory alone, and what is being worked on. Called
    /// after ``close()``, when the time of those who work on it is over.
    ///
    /// - Returns: Those messages; none that are kept elsewhere.
    func giveUp() -> [Message]

    /// How full it is.
    var depth: Queue.Depth { get }

    /// Where messages are that outlive the process, for people: the path of a file. `nil` where none do.
    var location: String? { get }
}

extension MessageQueue {
    /// Nothing outlives the process.
    public var location: String? { nil }

    /// Looks through all of the session's messages.
    public func waiting(_ id: UniqueID, ofSession session: String) async throws(PipelineError) -> [Message] {
        try await waiting(ofSession: session).filter { $0.id == id }
    }
}

extension MessageQueue {
    /// None.
    public func waiting(where passes: @Sendable (Message) -> Bool) -> [Message] { [] }
}

/// A message in a queue, with what the queue knows it by.
public struct QueuedMessage: Sendable {
    /// The message.
    public let message: Message

    /// The queue's own number for it.
    public let ticket: Int64

    /// How many bytes the queue counts for it where it is kept; 0 where it is in memory alone.
    public let size: Int

    /// About how many bytes of memory it takes.
    package let footprint: Int

    /// A message with its number.
    public init(_ message: Message, ticket: Int64, size: Int = 0) {
        self.init(message, ticket: ticket, size: size, footprint: message.footprint)
    }

    init(_ message: Message, ticket: Int64, size: Int = 0, footprint: Int) {
        self.message = message
        self.ticket = ticket
        self.size = size
        self.footprint = footprint
    }
}
