package import Logging
package import NIOCore
package import Pipeline

/// One connection's messages: each is read, run through the chain in its turn, and answered in order.
///
/// Everything here happens on the connection's event loop; stages that wait give it back.
package final class Conversation {
    let pipeline: LoopPipeline
    let session: Session
    let format: Message.Format
    let executor: EventLoopTaskExecutor
    let logger: Logger
    private let isNamed: Bool

    // Touched on the event loop alone, by code that doesn't call itself: checking every access costs a tenth of the
    // throughput of many small messages.
    @exclusivity(unchecked) var client: (any ConversationClient)?
    /// `nil` once the client has gone for good.
    @exclusivity(unchecked) private var reply: ConversationReply?
    @exclusivity(unchecked) private(set) var inbox = Inbox()
    @exclusivity(unchecked) var order = ReplyOrder()
    @exclusivity(unchecked) var running = RunningMessages()
    private(set) var isAdvancing = false

    let retained: RetainedSession?
    /// Its part in a session that hosts share.
    let share: SessionShare?
    /// Whether other hosts are about to hear which messages have no answer.
    var isNoting = false
    let observer: (any ConversationObserver)?
    let origin: TraceFields?
    let kept: Kept
    /// What the client has authenticated with.
    let credential: ClientCredential?
    /// Messages that came with an id of the client's, and what they are remembered by.
    @exclusivity(unchecked) var remembered: [(message: UniqueID, key: RememberedAnswers.Key)] = []
    /// Messages whose answer comes from somebody else's work.
    var awaiting: [UniqueID: AwaitedAnswer] = [:]

    /// While it is held, no further message is begun: the client takes too little of what it has been told.
    var isBackpressured = false {
        didSet {
            guard !isBackpressured else { return }
            releaseWaiting()
            advance()
        }
    }

    /// How long a piece of an answer waits for the client to take those before it. Then whoever makes the answer sees
    /// whether its own time is over: a client that takes a little now and then is not to keep a model's call for ever.
    private static let longestWait = TimeAmount.seconds(5)

    /// Answers in pieces that go on once the client takes more.
    private var waitingForRoom: [CheckedContinuation<Void, Never>] = []

    /// - Parameters:
    ///   - isNamed: Whether the session's name is known, and clients can't choose another.
    ///   - takesDeltas: Whether the client takes answers in pieces; they have no form in text format.
    ///   - origin: What the client's request is a part of.
    ///   - retained: The session, where it is kept beyond this connection.
    ///   - kept: What is kept of all clients.
    ///   - share: Its part in a session that hosts share.
    ///   - credential: What the client has authenticated with.
    ///   - client: Kept until ``end()``.
    init(
        pipeline: LoopPipeline, session: Session, format: Message.Format, executor: EventLoopTaskExecutor,
        logger: Logger, isNamed: Bool = false, takesDeltas: Bool = true, origin: TraceFields? = nil,
        retained: RetainedSession? = nil, kept: Kept = Kept(), share: SessionShare? = nil,
        credential: ClientCredential? = nil, client: some ConversationClient
    ) {
        self.pipeline = pipeline
        self.session = session
        self.format = format
        self.executor = executor
        self.logger = logger
        self.isNamed = isNamed
        self.client = client
        (self.retained, self.share) = (retained, share)
        (self.kept, self.credential) = (kept, credential)
        self.origin = origin
        observer = pipeline.current.observer
        observer?.begin(session, format)
        reply = ConversationReply(
            self, executor.eventLoop, format: format, takesDeltas: takesDeltas && format == .json)
    }

    /// A conversation without a connection, with a pipeline that stays as it is: for tests of pipeline files.
    ///
    /// - Parameter client: Kept until ``end()``.
    package convenience init(
        with pipeline: ServedPipeline, session: Session, format: Message.Format, on eventLoop: any EventLoop,
        logger: Logger, client: some ConversationClient
    ) {
        self.init(
            pipeline: LoopPipeline(pipeline), session: session, format: format,
            executor: EventLoopTaskExecutor(eventLoop), logger: logger, client: client)
    }

    deinit {
        // Messages that a queue has dropped without a word.
        for (_, key) in remembered { kept.answers.end(key, .failed, for: .zero) }
    }

    /// Messages that were received and have not ended.
    package var pending: Int { max(inbox.count + running.count, order.count) }

    /// What the client sent of them.
    var pendingBytes: Int { max(inbox.bytes + running.bytes, order.bytes) }

    /// What its messages take, those that are worked on as they are now.
    var allocated: Int { inbox.bytes + running.allocated }

    /// Greets the client, where the format has a greeting.
    package func begin() {
        if let greeting = ServerFrame.session(id: session.id, in: format) { client?.send(greeting) }
    }

    /// Takes a client's frame. One that has to wait stays as it came, and is read in its turn.
    ///
    /// - Parameter tellsIdle: Whether the client is told that it has ended where that is at once.
    package func receive(_ frame: String, tellsIdle: Bool = true) {
        observer?.heard(frame, in: session)
        if share != nil { noteOpen() }
        guard inbox.isEmpty, mayBegin, !isAdvancing else { return wait(with: frame) }
        isAdvancing = true
        read(frame, as: nil)
        isAdvancing = false
        advance(tellsIdle: tellsIdle)
    }

    private func wait(with frame: String) {
        var (clientID, prompt): (String?, PromptMark?)
        if format == .json {
            switch ClientFrame.glance(at: frame) {
            case .cancel(let id): return cancelAnywhere(id)
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
        running.all.contains {
            $0.clientID?.isExactly(clientID) == true && $0.prompt == prompt && order.isWaiting($0.message)
        }
    }

    /// Reads a frame and begins what it asks for.
    ///
    /// - Parameter waiting: What it was while it waited, with a slot in the order of answers.
    private func read(_ frame: String, as waiting: Inbox.WaitingFrame?) {
        guard format == .json else {
            var message = message(frame, as: waiting)
            let asked = AskedMessage(size: frame.utf8.count)
            if waiting == nil { order.expect(message.id, size: asked.size) }
            return start(&message, asked)
        }
        do throws(ClientFrame.Refusal) {
            switch try ClientFrame.read(frame) {
            case .prompt(let prompt): begin(prompt, size: frame.utf8.count, as: waiting)
            case .cancel(let id): cancelAnywhere(id)
            }
        } catch {
            refuse(error, as: waiting?.id)
        }
    }

    func message(
        _ prompt: String, of speaker: Session? = nil, clientID: String? = nil, metadata: [String: JSONValue] = [:],
        as waiting: Inbox.WaitingFrame?, id: UniqueID? = nil
    ) -> Message {
        let now = waiting?.receivedAt ?? .now
        let (id, session) = (id ?? waiting?.id ?? .timeOrdered(at: now), speaker ?? session)
        guard let reply else {
            return Message(
                id: id, receivedAt: now, session: session, clientID: clientID, prompt: prompt, metadata: metadata)
        }
        return Message(
            id: id, receivedAt: now, session: session, clientID: clientID, prompt: prompt, metadata: metadata,
            answeredBy: reply)
    }

    /// Whether there is something to go on with once the client has gone.
    ///
    /// A client whose session is retained may come back for its answers, also where the file has changed since it came.
    var outlivesClient: Bool {
        pending > 0 && (retained != nil || pipeline.current.entry.onDisconnect != .cancel)
    }

    /// Goes on with another client.
    func resume(with client: some ConversationClient) {
        self.client = client
        isBackpressured = false
    }

    /// Ends what was not answered yet: the client has gone. What was answered is still worked on to its end.
    package func end() {
        inbox = Inbox()
        for message in running.all where order.isWaiting(message.message) {
            message.task?.cancel()
            _ = withdraw(message.message)
        }
        pipeline.current.meter.ended(.cancelled, order.waiting)
        order = ReplyOrder()
        reply = nil
        client = nil
        if share != nil { noteOpen() }
        releaseWaiting()
    }

    /// Answers everything that has no answer yet with an error: the host stops now.
    ///
    /// - Returns: How many messages had not been begun. Those that had are counted by their pipeline.
    func stop(with error: PipelineError = .stopping) -> Int {
        let unbegun = inbox.count
        while let frame = inbox.popFirst() { ended(frame, error) }
        for message in running.all where order.isWaiting(message.message) {
            settle(message.message, message.clientID, .error(error, clientID: message.clientID, in: format))
            message.task?.cancel()
            _ = withdraw(message.message)
        }
        return unbegun
    }

    /// Cancels everything that has no answer yet: the client may not be here any more.
    func cancelAll() {
        _ = stop(with: .noLongerAdmitted)
        // What is behind a queue is worked on as ever, but nobody is told any more.
        for id in order.waitingIDs {
            let clientID = remembered.first { $0.message == id }?.key.id.text
            settle(id, clientID, .error(.noLongerAdmitted, clientID: clientID, in: format))
        }
    }

    private func cancelAnywhere(_ id: String) {
        if !cancel(id) { client?.cancelElsewhere(id) }
    }

    /// Ends a message that has no answer yet; one that has, or that nobody knows, is left alone.
    ///
    /// - Returns: Whether there is such a message here.
    func cancel(_ id: String) -> Bool {
        if let frame = inbox.remove(clientID: id) {
            ended(frame, .cancelled)
            return true
        }
        let found = running.all.first { $0.clientID?.isExactly(id) == true && order.isWaiting($0.message) }
        guard let found else { return false }
        if let message = withdraw(found.message) {
            ended(message, in: pipeline.current, .cancelled)
            advance()
        } else {
            found.task?.cancel()
        }
        return true
    }

    private func releaseWaiting() {
        let waiting = waitingForRoom
        waitingForRoom = []
        for continuation in waiting { continuation.resume() }
    }

    func speaker(_ username: String?) -> Session {
        guard let username, !isNamed else { return session }
        return Session(id: session.id, username: username, userID: session.userID, address: session.address)
    }

    /// Several messages are worked on at once while they take no more than may wait, and one whatever it takes.
    private var mayBegin: Bool {
        if isBackpressured { return false }
        return running.isEmpty
            || running.allocated < HostLimits.queuedBytes && running.count < pipeline.lend { $0.entry.concurrency }
    }

    /// Begins the next messages. Answers that leave meanwhile may bring more; the flag keeps that from growing the
    /// stack.
    func advance(tellsIdle: Bool = true) {
        guard !isAdvancing else { return }
        isAdvancing = true
        while !inbox.isEmpty, mayBegin, let frame = inbox.popFirst() { read(frame.text, as: frame) }
        isAdvancing = false
        if tellsIdle, pending == 0 { client?.conversationIsIdle() }
    }

    /// Ends a message whose turn has not come.
    private func ended(_ frame: Inbox.WaitingFrame, _ error: PipelineError) {
        let message = message(format == .text ? frame.text : "", clientID: frame.clientID, as: frame)
        ended(message, in: pipeline.current, error)
    }

    /// Whether pieces of an answer need not wait.
    var hasRoom: Bool { !isBackpressured || client == nil }

    func waitForRoom(_ continuation: CheckedContinuation<Void, Never>) {
        if hasRoom { return continuation.resume() }
        waitingForRoom.append(continuation)
        guard waitingForRoom.count == 1 else { return }
        let conversation = NIOLoopBound(self, eventLoop: executor.eventLoop)
        executor.eventLoop.scheduleTask(in: Self.longestWait) { conversation.value.releaseWaiting() }
    }
}
