import Logging
import NATS
import Pipeline
import Synchronization
import Threads

/// One step's part of a stream, split by session into ``Partition``s. Those that this process has are read ahead into memory;
/// a message leaves the stream once it was worked on.
final class PartitionedQueue: SharedMessageQueue {
    /// A message that is here.
    struct Taken {
        let id: UniqueID
        let partition: Int
        /// Where its acknowledgement goes; another after it was delivered again.
        var acknowledgement: String
        var consumer: String
        /// When the server is told again that it is being worked on.
        var nextSign: ContinuousClock.Instant
    }

    struct State {
        var partitions = [Partition](repeating: Partition(), count: Partition.count)
        var taken: [Int64: Taken] = [:]
        /// The numbers of these, by their ids.
        var ticketsHere: [UniqueID: Int64] = [:]
        /// What was finished lately: it may come again where its acknowledgement was lost.
        var finished = RecentlyFinished(limit: 20_000)
        var givenBack = GivenBack()
        var attempts = Attempts()
        /// What was published without an answer, and may be in the stream.
        var unanswered: Set<UniqueID> = []
        /// What writes down ``attempts``.
        var keeping: Task<Void, Never>?
        /// What this process has handed over and not finished itself, for the history of its sessions.
        var handedOver = HandedOver()
        var isClosed = false
        var isReady = false
        var isFull = false
        var producers = RoomWaiters()
        var hasShare = false
        /// What the stream held when it was last asked, and what has changed here since.
        var polled = Queue.Depth(messages: 0, oldest: nil)
        var pushed = 0
        var ended = 0
        var lastChange = ContinuousClock.now
        var lastPolled = ContinuousClock.now
        var unreadable: Set<Int64> = []
        var counts = QueueSharing()
        var group = WorkerGroup()
        var lastHello: ContinuousClock.Instant?
        var nextPoll = ContinuousClock.now
        /// Consumers that are to be removed.
        var leftovers: [String] = []
        /// The last message of each partition that has ended.
        var lastDone = [(consumer: String, acknowledgement: String)?](repeating: nil, count: Partition.count)
        var abandoned = AbandonedConsumers()
        var observations: [NATSObservation] = []
        var manager: Task<Void, Never>?
        var renewal: Task<Void, Never>?
        var isKicked = false
        var sleeper: CheckedContinuation<Void, Never>?
    }

    /// How many bytes of memory what is read ahead may take.
    static let memoryLimit = 32 << 20

    let jetStream: JetStream
    let stream: String
    /// `STREAM.PIPELINE`, and with the label behind it.
    let pipelineSubject: String
    let subject: String
    /// The same of each partition.
    let targets: [String]
    /// What makes a message's id one of this step's.
    let idSuffix: String
    /// What this worker is called among those of the step.
    let worker: String
    let isWorkedOn: Bool
    /// Whether several servers keep the stream.
    let isReplicated: Bool
    let location: String?
    let memory: MemoryQueue
    let logger: Logger
    let inbox: String
    /// Is told how the stream is, `nil` where there is none, and says whether it is the one that was there before.
    let isStillThere: @Sendable (StreamInfo?) -> Bool
    private let capacity: Int
    let state = Mutex(State())
    /// What this process has put into the stream and may take out itself.
    let own = Mutex(OwnMessages())
    let tickets = Atomic<UInt64>(0)
    /// Those who wait until this process has its part of the messages.
    let workingWaits = TimedWaits()
    /// Whether messages of some sessions were given back, and others of theirs wait for them.
    let hasGivenBack = Atomic<Bool>(false)
    /// Whether a process may have died of messages that are here, or come.
    let mayHaveSuspects = Atomic<Bool>(false)
    /// Where that is kept.
    let attemptValues: (any SharedValues)?

    var connection: NATSConnection { jetStream.connection }

    init(
        _ jetStream: JetStream, stream: StreamConfiguration, label: String, options: Queue.Options, location: String,
        logger: Logger, attempts: (any SharedValues)?, isStillThere: @escaping @Sendable (StreamInfo?) -> Bool
    ) {
        (self.isStillThere, attemptValues) = (isStillThere, attempts)
        (self.jetStream, self.stream, self.location) = (jetStream, stream.name, location)
        isReplicated = stream.replicas > 1
        pipelineSubject = "\(stream.name).\(SharedName.escaped(options.pipeline))"
        let subject = "\(pipelineSubject).\(SharedName.escaped(label))"
        self.subject = subject
        targets = (0..<Partition.count).map { "\(subject).\($0)" }
        idSuffix = ":\(SharedName.escaped(options.pipeline)):\(SharedName.escaped(label))"
        worker = String(UInt64.random(in: .min ... .max), radix: 36)
        isWorkedOn = options.isWorkedOn
        memory = MemoryQueue(Queue.Options(capacity: .max, lanes: options.lanes))
        var logger = logger
        logger[metadataKey: "step"] = "\(label)"
        self.logger = logger
        inbox = jetStream.connection.newInbox()
        capacity = options.capacity ?? .max
    }

    var depth: Queue.Depth {
        let here = memory.depth
        return state.withLock { state in
            var depth = state.polled
            depth.messages = max(here.messages, depth.messages + state.pushed - state.ended)
            if depth.messages == 0 { depth.oldest = nil }
            if depth.messages > 0, depth.oldest == nil { depth.oldest = here.oldest }
            depth.unreadable = state.unreadable.count
            return depth
        }
    }

    var sharing: QueueSharing {
        state.withLock { state in
            var counts = state.counts
            counts.here = state.taken.count
            counts.partitions = state.partitions.count { $0.consumer != nil }
            return counts
        }
    }

    /// Whether no more may be handed over, as the step's own limit is reached.
    var isAtCapacity: Bool { capacity < .max && depth.messages >= capacity }

    /// A message must reach the stream first.
    func pushWithoutWaiting(_ message: Message) -> Queue.PushOutcome? { nil }

    func next(lane: Int, upTo limit: Int, lingering linger: Duration) async -> [QueuedMessage] {
        while true {
            let batch = await memory.next(lane: lane, upTo: limit, lingering: linger)
            guard hasGivenBack.load(ordering: .relaxed), !batch.isEmpty else { return batch }
            let blocked = state.withLock { state in
                batch.filter { state.givenBack.blocks($0.ticket, of: $0.message.session.id) }
            }
            if blocked.isEmpty { return batch }
            giveBack(blocked, lane: lane)
            let tickets = Set(blocked.map(\.ticket))
            let rest = batch.filter { !tickets.contains($0.ticket) }
            if !rest.isEmpty { return rest }
        }
    }

    func finish(_ messages: [QueuedMessage], lane: Int) {
        memory.finish(messages, lane: lane)
        let (acknowledgements, pulls, producers) = state.withLock { state in
            var acknowledgements: [String] = []
            acknowledgements.reserveCapacity(messages.count)
            var last = [Taken?](repeating: nil, count: Partition.count)
            // By index: a message that is not copied is not counted.
            for index in messages.indices {
                let ticket = messages[index].ticket
                state.finished.insert(ticket, messages[index].message.id)
                state.handedOver.remove(ticket)
                if !state.givenBack.isEmpty { state.givenBack.remove(ticket, of: messages[index].message.session.id) }
                guard let taken = state.remove(ticket) else { continue }
                acknowledgements.append(taken.acknowledgement)
                last[taken.partition] = taken
            }
            let partitions = last.indices.filter { last[$0] != nil }
            for taken in last {
                if let taken { state.lastDone[taken.partition] = (taken.consumer, taken.acknowledgement) }
            }
            state.ended += messages.count
            state.lastChange = .now
            if partitions.contains(where: { state.partitions[$0].isLeaving }) { state.kick() }
            hasGivenBack.store(!state.givenBack.isEmpty, ordering: .relaxed)
            mayHaveSuspects.store(!state.attempts.isEmpty, ordering: .relaxed)
            return (acknowledgements, state.pulls(of: partitions), state.producers.take(messages.count))
        }
        connection.acknowledge(acknowledgements, .done)
        pull(pulls)
        for producer in producers { producer.resume() }
    }

    func putBack(_ messages: [QueuedMessage], lane: Int) {
        state.withLock { state in
            // What belongs to another worker by now, or soon will, is not to be worked on here. It is found out in one step:
            // a partition that is lost in between would leave it in memory.
            let lost = Set(messages.map(\.ticket).filter { !state.staysHere($0) })
            memory.putBack(messages, lane: lane)
            guard !lost.isEmpty else { return }
            for queued in memory.withdraw(where: { lost.contains($0.ticket) }) { _ = state.remove(queued.ticket) }
            state.kick()
        }
    }

    func giveBack(_ messages: [QueuedMessage], lane: Int) {
        let acknowledgements = state.withLock { state in
            var acknowledgements: [String] = []
            for queued in messages {
                state.counts.givenBack += 1
                // Before it leaves the memory: until then what follows it is behind it in its lane.
                state.givenBack.insert(queued.ticket, of: queued.message.session.id)
                guard let taken = state.remove(queued.ticket) else { continue }
                acknowledgements.append(taken.acknowledgement)
                state.group.isOfferedTo(others: taken.partition, until: .now + PartitionedQueue.offer)
            }
            hasGivenBack.store(true, ordering: .relaxed)
            state.kick()
            return acknowledgements
        }
        memory.finish(messages, lane: lane)
        connection.acknowledge(acknowledgements, .again(after: PartitionedQueue.offer))
    }

    /// How long messages of another version of the file are left to other workers, before they are looked at again.
    static let offer = Duration.seconds(10)

    func wakeWorkers() { memory.wakeWorkers() }

    /// What was read ahead is still handed out; what is in the stream alone stays there.
    func close() {
        let producers = state.withLock { state in
            state.isClosed = true
            for index in state.partitions.indices { state.partitions[index].leave(at: .now) }
            state.kick()
            return state.producers.take()
        }
        memory.close()
        for producer in producers { producer.resume() }
        workingWaits.wakeAll()
    }

    func giveUp() -> [Message] { [] }
}

extension PartitionedQueue.State {
    /// A message came of a partition.
    mutating func add(_ message: PartitionedQueue.Taken, as ticket: Int64) {
        taken[ticket] = message
        ticketsHere[message.id] = ticket
        partitions[message.partition].here += 1
        partitions[message.partition].leftSince = nil
    }

    /// A message is here no longer.
    mutating func remove(_ ticket: Int64) -> PartitionedQueue.Taken? {
        guard let message = taken.removeValue(forKey: ticket) else { return nil }
        if ticketsHere[message.id] == ticket { ticketsHere[message.id] = nil }
        partitions[message.partition].here -= 1
        if !attempts.isEmpty { attempts.gone(ticket, of: message.partition) }
        return message
    }

    /// Whether a message that was put back is to be worked on here: its partition has the consumer that delivered it, and is
    /// not being given away, unless this worker ends, and works on all it has.
    func staysHere(_ ticket: Int64) -> Bool {
        guard let message = taken[ticket] else { return false }
        let partition = partitions[message.partition]
        return partition.consumer == message.consumer && (isClosed || !partition.isLeaving)
    }

    /// Has the manager look at once.
    mutating func kick() {
        isKicked = true
        sleeper.take()?.resume()
    }

    /// What to ask for of some partitions.
    mutating func pulls(of indices: some Sequence<Int>) -> [(consumer: String, count: Int, partition: Int)] {
        let now = ContinuousClock.now
        return indices.compactMap { index in
            let count = partitions[index].pull(at: now)
            guard count > 0, let consumer = partitions[index].consumer else { return nil }
            return (consumer, count, index)
        }
    }
}
