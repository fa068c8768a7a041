/// What a ``QueueStore``, its queues and the steps that use them tell each other.
public enum Queue {
    /// What a step wants of its queue.
    public struct Options: Sendable {
        /// How many messages may wait or be worked on; `nil` where the step says nothing.
        public let capacity: Int?

        /// Into how many lanes the messages are split. Those of one session that are there at the same time are in the same
        /// one.
        public let lanes: Int

        /// The pipeline of the step: what several processes share is told apart by it and the step's label.
        public let pipeline: String

        /// Whether this process works on the messages; where it doesn't, it only hands them over.
        public let isWorkedOn: Bool

        /// The wishes of a step.
        public init(capacity: Int?, lanes: Int, pipeline: String = "", isWorkedOn: Bool = true) {
            self.capacity = capacity
            self.lanes = lanes
            self.pipeline = pipeline
            self.isWorkedOn = isWorkedOn
        }
    }

    /// What became of a message that was handed to a queue.
    public enum PushOutcome: Sendable {
        /// It is kept.
        case accepted
        /// There is no room for it.
        case full
        /// The queue takes nothing any more.
        case closed
    }

    /// How full a queue is.
    public struct Depth: Sendable, Equatable {
        /// Messages that wait or are being worked on.
        public var messages: Int

        /// When the oldest of them was received; `nil` where there is none.
        public var oldest: Timestamp?

        /// Messages that were found in it since the start and can't be read. They stay where they are and are none of the above.
        public var unreadable: Int

        /// So many messages.
        public init(messages: Int, oldest: Timestamp?, unreadable: Int = 0) {
            self.messages = messages
            self.oldest = oldest
            self.unreadable = unreadable
        }
    }

    /// What a queue promises, in words for `check` and `explain`, and how strong that is.
    public struct Guarantee: Sendable, Hashable {
        /// Whether what waits is there again when the process was killed and started again.
        public let survivesProcess: Bool

        /// Whether what waits is there when the machine is lost, its disks included.
        public let survivesMachine: Bool

        /// What happens when the process is killed.
        public let whenKilled: String

        /// What happens while what the step needs is down.
        public let whenDown: String

        /// What happens when the machine is lost.
        public let whenMachineLost: String

        /// Whether other processes, on other machines too, may work on what waits.
        public let isShared: Bool

        /// How many bytes of messages may wait; `nil` where nothing of its own bounds it.
        public let room: Int?

        /// How many messages may wait; `nil` where nothing of its own bounds it.
        public internal(set) var capacity: Int?

        /// A promise.
        ///
        /// - Parameters:
        ///   - survivesProcess: Whether what waits is there when the process is killed.
        ///   - survivesMachine: Whether what waits is there when the machine is lost, its disks included.
        ///   - whenKilled: What happens when the process is killed.
        ///   - whenDown: What happens while what the step needs is down.
        ///   - whenMachineLost: What happens when the machine is lost.
        ///   - isShared: Whether other processes, on other machines too, may work on what waits.
        ///   - room: How many bytes of messages may wait; `nil` where nothing of its own bounds it.
        ///   - capacity: How many messages may wait; `nil` where nothing of its own bounds it.
        public init(
            survivesProcess: Bool, survivesMachine: Bool = false, whenKilled: String, whenDown: String,
            whenMachineLost: String, isShared: Bool = false, room: Int? = nil, capacity: Int? = nil
        ) {
            self.survivesProcess = survivesProcess
            self.survivesMachine = survivesMachine
            self.whenKilled = whenKilled
            self.whenDown = whenDown
            self.whenMachineLost = whenMachineLost
            self.isShared = isShared
            self.room = room
            self.capacity = capacity
        }
    }
}
