import Synchronization

extension StageContext {
    /// The messages that the asynchronous steps of a chain have taken and not ended yet.
    public final class PendingMessages: Sendable {
        private let queues = Mutex<[any PendingQueue]>([])

        /// Those of no chain.
        public init() {}

        func watch(_ queues: [any PendingQueue]) {
            self.queues.withLock { $0 = queues }
        }

        /// Those of a session, in order; one that waits for several steps comes several times. Of very many only the last ones.
        ///
        /// - Throws: ``PipelineError`` where a queue can't be read.
        public func messages(ofSession id: String) async throws(PipelineError) -> [Message] {
            var result: [Message] = []
            for queue in queues.withLock(\.self) { result += try await queue.waiting(ofSession: id) }
            return result
        }

        /// Whether there are none.
        package var isEmpty: Bool {
            queues.withLock(\.self).allSatisfy { $0.depth.messages == 0 }
        }

        /// Those in memory that pass a test; one that waits for several steps comes once.
        package func messages(where passes: @Sendable (Message) -> Bool) -> [Message] {
            var known: Set<UniqueID> = []
            return queues.withLock(\.self).flatMap { $0.waiting(where: passes) }.filter {
                known.insert($0.id).inserted
            }
        }

        /// The messages of a session with an id: one for each step that it waits for.
        ///
        /// - Throws: As ``messages(ofSession:)``.
        package func messages(_ id: UniqueID, ofSession session: String) async throws(PipelineError) -> [Message] {
            var result: [Message] = []
            for queue in queues.withLock(\.self) {
                result += try await queue.waiting(id, ofSession: session)
            }
            return result
        }
    }
}

/// The queue of an asynchronous step, as far as others may look into it.
protocol PendingQueue: Sendable {
    /// How full it is.
    var depth: Queue.Depth { get }

    /// Messages of a session that wait or are being worked on.
    func waiting(ofSession id: String) async throws(PipelineError) -> [Message]

    /// The message of a session with an id, where it waits or is being worked on.
    func waiting(_ id: UniqueID, ofSession session: String) async throws(PipelineError) -> [Message]

    /// Messages in memory that wait or are being worked on, and pass a test.
    func waiting(where passes: @Sendable (Message) -> Bool) -> [Message]
}
