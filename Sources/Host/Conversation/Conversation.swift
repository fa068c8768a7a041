import DequeModule
import Logging
import NIOCore
import Pipeline
import Stages

/// Where a conversation's frames go. Called on the event loop.
protocol ConversationClient: AnyObject {
    /// Writes a frame, after those before it.
    func send(_ frame: ServerFrame)

    /// The last message that was received has ended.
    func conversationIsIdle()
}

/// One connection's messages: each is read, run through the chain in its turn, and answered in order.
///
/// Everything here happens on the connection's event loop; stages that wait give it back.
final class Conversation {
    let pipeline: LoopPipeline
    let session: Session
    let format: MessageFormat
    private let executor: EventLoopTaskExecutor
    let logger: Logger
    private let isNamed: Bool

    // Touched on the event loop alone, by code that doesn't call itself: checking every access costs a tenth of the
    // throughput of many small messages.
    @exclusivity(unchecked) private var client: (any ConversationClient)?
    @exclusivity(unchecked) private var reply: (any Reply)?
    @exclusivity(unchecked) private var inbox = Deque<Message>()
    @exclusivity(unchecked) var order = ReplyOrder()
    @exclusivity(unchecked) private var running: [Running] = []
    @exclusivity(unchecked) private var isAdvancing = false

    private let held: HeldSession?
    private let recorder: Recorder?
    let origin: TraceFields?
    @exclusivity(unchecked) private var answers = KnownAnswers()

    private struct Running {
        let message: UniqueID
        let clientID: String?
        var task: Task<Void, Never>?
    }

    /// While it is held, no further message is begun: the client takes too little of what it has been told.
    var isHeld = false {
        didSet {
            guard !isHeld else { return }
            releaseWaiting()
            advance()
        }
    }

    /// Answers in pieces that go on once the client takes more.
    @exclusivity(unchecked) private var waitingForRoom: [CheckedContinuation<Void, Never>] = []

    /// - Parameters:
    ///   - isNamed: Whether the session's name is known, and clients can't choose another.
    ///   - takesDeltas: Whether the client takes answers in pieces; they have no form in text format.
    ///   - origin: What the client's request is a part of.
    ///   - held: What is known of the session beyond this connection.
    ///   - client: Kept until ``end()``.
    init(
        pipeline: LoopPipeline, session: Session, format: MessageFormat, executor: EventLoopTaskExecutor,
        logger: Logger, isNamed: Bool = false, takesDeltas: Bool = true, origin: TraceFields? = nil,
        held: HeldSession? = nil,
        client: some ConversationClient
    ) {
        self.pipeline = pipeline
        self.session = session
        self.format = format
        self.executor = executor
        self.logger = logger
        self.isNamed = isNamed
        self.client = client
        self.held = held
        self.origin = origin
        recorder = pipeline.current.recorder
        recorder?.begin(session, format)
        reply = ConversationReply(
            self, executor.eventLoop, format: format, takesDeltas: takesDeltas && format == .json)
    }

    /// Messages that were received and have not ended.
    var pending: Int { max(inbox.count + running.count, order.count) }

    /// Greets the client, where the format has a greeting.
    func begin() {
        if let greeting = ServerFrame.session(id: session.id, in: format) { client?.send(greeting) }
    }

    /// Takes a client's frame.
    func receive(_ frame: String) {
        recorder?.heard(frame, in: session)
        switch format {
        case .text:
            accept(Message(prompt: frame, session: session, reply: reply))
        case .json:
            do throws(ClientFrame.Refusal) {
                switch try ClientFrame.read(frame) {
                case .prompt(let message): receive(message)
                case .cancel(let id):
                    cancel(id)
                }
            } catch {
                refuse(error)
            }
        }
    }

    /// Takes a prompt; one that comes again, by the client's own id, gets the answer it had, or will get.
    private func receive(_ prompt: ClientFrame.Prompt) {
        let message = Message(
            prompt: prompt.prompt, session: speaker(prompt.username), clientID: prompt.id,
            metadata: prompt.metadata ?? [:], reply: reply)
        switch held?.begin(message) ?? answers.begin(message) {
        case .new: accept(message)
        case .inFlight: break
        case .answered(let frame):
            order.expect(message.id)
            settle(message, frame)
        }
    }

    /// Whether there is something to go on with once the client has gone.
    var outlivesClient: Bool { pipeline.current.entry.onDisconnect != .cancel && pending > 0 }

    /// Goes on with somebody in the client's place.
    func goOn(with keeper: some ConversationClient) {
        client = keeper
        isHeld = false
    }

    /// Ends what was not answered yet: the client has gone. What was answered is still worked on to its end.
    func end() {
        inbox.removeAll()
        for message in running where order.isWaiting(message.message) { message.task?.cancel() }
        pipeline.current.meter.ended(.cancelled, order.waiting)
        order = ReplyOrder()
        reply = nil
        client = nil
        releaseWaiting()
    }

    /// Answers everything that has no answer yet with an error: the host stops now.
    ///
    /// - Returns: How many messages had not been begun. Those that had are counted by their pipeline.
    func stop() -> Int {
        let unbegun = inbox
        inbox.removeAll()
        for message in unbegun { ended(message, in: pipeline.current, .stopping) }
        for message in running where order.isWaiting(message.message) {
            settle(message.message, message.clientID, .error(.stopping, clientID: message.clientID, in: format))
            message.task?.cancel()
        }
        return unbegun.count
    }

    /// Ends a message that has no answer yet; one that has, or that nobody knows, is left alone.
    private func cancel(_ id: String) {
        if let index = inbox.firstIndex(where: { $0.clientID == id }) {
            ended(inbox.remove(at: index), in: pipeline.current, .cancelled)
        } else if let message = running.first(where: { $0.clientID == id && order.isWaiting($0.message) }) {
            message.task?.cancel()
        }
    }

    private func releaseWaiting() {
        let waiting = waitingForRoom
        waitingForRoom = []
        for continuation in waiting { continuation.resume() }
    }

    private func speaker(_ username: String?) -> Session {
        guard let username, !username.isEmpty, !isNamed else { return session }
        return Session(id: session.id, username: username, userID: session.userID, address: session.address)
    }

    private func accept(_ message: consuming Message) {
        order.expect(message.id)
        if inbox.isEmpty, mayBegin, !isAdvancing {
            isAdvancing = true
            start(&message)
            isAdvancing = false
        } else {
            inbox.append(message)
        }
        advance()
    }

    private var mayBegin: Bool { !isHeld && running.count < pipeline.lend { $0.entry.concurrency } }

    /// Begins the next messages. Answers that leave meanwhile may bring more; the flag keeps that from growing the
    /// stack.
    private func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        while mayBegin, var message = inbox.popFirst() { start(&message) }
        isAdvancing = false
        if pending == 0 { client?.conversationIsIdle() }
    }

    /// Runs the message as far as that goes without waiting, and the rest in a task on this event loop.
    private func start(_ message: inout Message) {
        pipeline.lend { start(&message, in: $0) }
    }

    @inline(__always)
    private func start(_ message: inout Message, in pipeline: ServedPipeline) {
        if let tracer = pipeline.chain.tracer { trace(&message, by: tracer) }
        do throws(PipelineError) {
            if let next = try pipeline.chain.runWithoutWaiting(&message) {
                wait(for: message, in: pipeline, from: next)
            } else {
                ended(message, in: pipeline, nil)
            }
        } catch {
            ended(message, in: pipeline, error)
        }
    }

    private func wait(for message: Message, in pipeline: ServedPipeline, from step: Int) {
        pipeline.begin()
        let id = message.id
        running.append(Running(message: id, clientID: message.clientID))
        let conversation = NIOLoopBound(self, eventLoop: executor.eventLoop)
        let task = Task.immediate(executorPreference: executor) {
            var message = message
            var failure: PipelineError?
            do throws(PipelineError) {
                try await pipeline.chain.run(&message, from: step)
            } catch {
                failure = error
            }
            let conversation = conversation.value
            conversation.running.removeAll { $0.message == id }
            conversation.ended(message, in: pipeline, failure)
            pipeline.end()
            conversation.advance()
        }
        if let index = running.firstIndex(where: { $0.message == id }) { running[index].task = task }
    }

    private func ended(_ message: Message, in pipeline: ServedPipeline, _ error: PipelineError?) {
        message.trace?.end(error)
        if let error {
            logger.failure(error, of: message)
            settle(message, .error(error, clientID: message.clientID, in: format))
        } else if !pipeline.chain.answersInBackground {
            settle(message, nil)
        }
    }

    func send(_ delta: ServerFrame, of id: UniqueID) {
        if let delta = order.add(delta, to: id) { client?.send(delta) }
    }

    private func tell(_ frame: ServerFrame) {
        recorder?.told(frame, in: session)
        client?.send(frame)
    }

    func waitForRoom(_ continuation: CheckedContinuation<Void, Never>) {
        if isHeld, client != nil { waitingForRoom.append(continuation) } else { continuation.resume() }
    }

    func settle(_ message: Message, _ frame: ServerFrame?) { settle(message.id, message.clientID, frame) }

    func settle(_ id: UniqueID, _ clientID: String?, _ frame: ServerFrame?) {
        if clientID != nil {
            if let held { held.end(id, with: frame) } else { answers.end(id, with: frame) }
        }
        let leaving = order.settle(id, frame)
        if leaving != .never { pipeline.lend { $0.meter.settled(with: frame) } }
        if leaving == .now {
            if let frame { tell(frame) }
            while let frame = order.next() { tell(frame) }
        }
        if !isAdvancing && pending == 0 { client?.conversationIsIdle() }
    }
}
