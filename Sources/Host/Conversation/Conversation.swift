import Logging
import NIOCore
import Pipeline
import Stages

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
    @exclusivity(unchecked) private var inbox = Inbox()
    @exclusivity(unchecked) var order = ReplyOrder()
    @exclusivity(unchecked) private var running: [RunningMessage] = []
    @exclusivity(unchecked) private var isAdvancing = false

    private let held: HeldSession?
    private let recorder: Recorder?
    let origin: TraceFields?
    @exclusivity(unchecked) private var answers = KnownAnswers()

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

    /// What the client sent of them.
    var pendingBytes: Int { max(inbox.bytes + running.reduce(0) { $0 + $1.size }, order.bytes) }

    /// Greets the client, where the format has a greeting.
    func begin() {
        if let greeting = ServerFrame.session(id: session.id, in: format) { client?.send(greeting) }
    }

    /// Takes a client's frame. One that has to wait stays as it came, and is read in its turn.
    func receive(_ frame: String) {
        recorder?.heard(frame, in: session)
        guard inbox.isEmpty, mayBegin, !isAdvancing else { return wait(with: frame) }
        isAdvancing = true
        read(frame, as: nil)
        isAdvancing = false
        advance()
    }

    private func wait(with frame: String) {
        var (clientID, prompt): (String?, PromptMark?)
        if format == .json {
            switch ClientFrame.glance(at: frame) {
            case .cancel(let id): return cancel(id)
            case .message(let id, let mark):
                // The answer to the first is that of the second.
                if inbox.holds(clientID: id, mark) || isRunning(id, mark) { return }
                (clientID, prompt) = (id, mark)
            case .other: break
            }
        }
        let now = Timestamp.now
        let waiting = Inbox.WaitingFrame(
            id: .timeOrdered(at: now), receivedAt: now, text: frame, clientID: clientID, prompt: prompt)
        order.expect(waiting.id, size: waiting.size)
        inbox.append(waiting)
    }

    private func isRunning(_ clientID: String, _ prompt: PromptMark) -> Bool {
        running.contains {
            $0.clientID?.isExactly(clientID) == true && $0.prompt == prompt && order.isWaiting($0.message)
        }
    }

    /// Reads a frame and begins what it asks for.
    ///
    /// - Parameter place: Where it has waited, and has a place in the order of answers.
    private func read(_ frame: String, as place: Inbox.WaitingFrame?) {
        guard format == .json else {
            var message = message(frame, as: place)
            return begin(&message, size: frame.utf8.count, hasPlace: place != nil)
        }
        do throws(ClientFrame.Refusal) {
            switch try ClientFrame.read(frame) {
            case .prompt(let prompt): begin(prompt, size: frame.utf8.count, as: place)
            case .cancel(let id): cancel(id)
            }
        } catch {
            refuse(error, as: place?.id)
        }
    }

    private func message(
        _ prompt: String, of speaker: Session? = nil, clientID: String? = nil, metadata: [String: JSONValue] = [:],
        as place: Inbox.WaitingFrame?
    ) -> Message {
        let now = place?.receivedAt ?? .now
        return Message(
            id: place?.id ?? .timeOrdered(at: now), receivedAt: now, session: speaker ?? session, clientID: clientID,
            prompt: prompt, metadata: metadata, reply: reply)
    }

    /// Begins a prompt; one that comes again, by the client's own id, gets the answer it had, or will get.
    private func begin(_ prompt: ClientFrame.Prompt, size: Int, as place: Inbox.WaitingFrame?) {
        var message = message(
            prompt.prompt, of: speaker(prompt.username), clientID: prompt.id, metadata: prompt.metadata ?? [:],
            as: place)
        switch held?.begin(message) ?? answers.begin(message) {
        case .new: begin(&message, size: size, hasPlace: place != nil)
        case .inFlight: if place != nil { settle(message, nil) }
        case .answered(let frame):
            if place == nil { order.expect(message.id, size: size) }
            settle(message, frame)
        }
    }

    private func begin(_ message: inout Message, size: Int, hasPlace: Bool) {
        if !hasPlace { order.expect(message.id, size: size) }
        start(&message, size: size)
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
        inbox = Inbox()
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
        let unbegun = inbox.count
        while let frame = inbox.popFirst() { ended(frame, .stopping) }
        for message in running where order.isWaiting(message.message) {
            settle(message.message, message.clientID, .error(.stopping, clientID: message.clientID, in: format))
            message.task?.cancel()
        }
        return unbegun
    }

    /// Ends a message that has no answer yet; one that has, or that nobody knows, is left alone.
    private func cancel(_ id: String) {
        if let frame = inbox.remove(clientID: id) {
            ended(frame, .cancelled)
        } else if let message = running.first(where: {
            $0.clientID?.isExactly(id) == true && order.isWaiting($0.message)
        }) {
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

    private var mayBegin: Bool { !isHeld && running.count < pipeline.lend { $0.entry.concurrency } }

    /// Begins the next messages. Answers that leave meanwhile may bring more; the flag keeps that from growing the
    /// stack.
    private func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        while mayBegin, let frame = inbox.popFirst() { read(frame.text, as: frame) }
        isAdvancing = false
        if pending == 0 { client?.conversationIsIdle() }
    }

    /// Runs the message as far as that goes without waiting, and the rest in a task on this event loop.
    private func start(_ message: inout Message, size: Int) {
        pipeline.lend { start(&message, size: size, in: $0) }
    }

    @inline(__always)
    private func start(_ message: inout Message, size: Int, in pipeline: ServedPipeline) {
        if let tracer = pipeline.chain.tracer { trace(&message, by: tracer) }
        do throws(PipelineError) {
            if let next = try pipeline.chain.runWithoutWaiting(&message) {
                wait(for: message, size: size, in: pipeline, from: next)
            } else {
                ended(message, in: pipeline, nil)
            }
        } catch {
            ended(message, in: pipeline, error)
        }
    }

    private func wait(for message: Message, size: Int, in pipeline: ServedPipeline, from step: Int) {
        pipeline.begin()
        let id = message.id
        running.append(RunningMessage(message, size: size))
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
            conversation.client?.messageHasEnded()
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

    /// Ends a message whose turn has not come.
    private func ended(_ frame: Inbox.WaitingFrame, _ error: PipelineError) {
        let message = message(format == .text ? frame.text : "", clientID: frame.clientID, as: frame)
        ended(message, in: pipeline.current, error)
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
