import DequeModule
import Logging
import NIOCore
import Pipeline
import Stages

/// One connection's messages: each is read, run through the chain in its turn, and answered in order.
///
/// Everything here happens on the connection's event loop; stages that wait give it back.
final class Conversation {
    private let pipeline: ServedPipeline
    private let session: Session
    private let format: MessageFormat
    private let executor: EventLoopTaskExecutor
    private let logger: Logger
    private let send: (ServerFrame) -> Void
    private let onIdle: () -> Void

    private var reply: (any Reply)?
    private var inbox = Deque<Message>()
    private var order = ReplyOrder()
    private var running: [(message: UniqueID, task: Task<Void, Never>?)] = []
    private var isAdvancing = false

    /// While it is held, no further message is begun: the client takes too little of what it has been told.
    var isHeld = false {
        didSet { if !isHeld { advance() } }
    }

    /// - Parameters:
    ///   - send: Writes a frame; called on the event loop, in order.
    ///   - onIdle: Called when the last message that was received has ended.
    init(
        pipeline: ServedPipeline, session: Session, format: MessageFormat, executor: EventLoopTaskExecutor,
        logger: Logger, send: @escaping (ServerFrame) -> Void, onIdle: @escaping () -> Void
    ) {
        self.pipeline = pipeline
        self.session = session
        self.format = format
        self.executor = executor
        self.logger = logger
        self.send = send
        self.onIdle = onIdle
        reply = ConversationReply(NIOLoopBound(self, eventLoop: executor.eventLoop), executor.eventLoop)
    }

    /// Messages that were received and have not ended.
    var pending: Int { max(inbox.count + running.count, order.count) }

    /// Greets the client, where the format has a greeting.
    func begin() {
        send(.session(id: session.id))
    }

    /// Takes a client's frame.
    func receive(_ frame: String) {
        switch format {
        case .text:
            accept(Message(prompt: frame, session: session, reply: reply))
        case .json:
            do throws(ClientMessage.Refusal) {
                let message = try ClientMessage.read(frame)
                accept(
                    Message(
                        prompt: message.prompt, session: speaker(message.username), clientID: message.id,
                        metadata: message.metadata ?? [:], reply: reply))
            } catch {
                refuse(error)
            }
        }
    }

    /// Ends what was not answered yet: the client has gone. What was answered is still worked on to its end.
    func end() {
        inbox.removeAll()
        for (message, task) in running where order.isWaiting(message) { task?.cancel() }
        order = ReplyOrder()
        reply = nil
    }

    private func speaker(_ username: String?) -> Session {
        guard let username, !username.isEmpty else { return session }
        return Session(id: session.id, username: username, userID: session.userID)
    }

    private func accept(_ message: Message) {
        order.expect(message.id)
        inbox.append(message)
        advance()
    }

    private func refuse(_ refusal: ClientMessage.Refusal) {
        let message = Message(prompt: "", session: session, clientID: refusal.id)
        order.expect(message.id)
        logger.failure(refusal.error, of: message)
        settle(message, .error(refusal.error, clientID: refusal.id))
    }

    /// Begins the next messages. Messages that end at once come back here through ``ended(_:_:)``; the flag keeps
    /// that from growing the stack.
    private func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        while running.isEmpty, !isHeld, let message = inbox.popFirst() { start(message) }
        isAdvancing = false
        if pending == 0 { onIdle() }
    }

    /// Runs the message as far as that goes without waiting, and the rest in a task on this event loop.
    private func start(_ message: Message) {
        let chain = pipeline.chain
        var message = message
        running.append((message.id, nil))
        do throws(PipelineError) {
            guard let next = try chain.runWithoutWaiting(&message) else { return ended(message, nil) }
            wait(for: message, from: next)
        } catch {
            ended(message, error)
        }
    }

    private func wait(for message: Message, from step: Int) {
        let id = message.id
        let conversation = NIOLoopBound(self, eventLoop: executor.eventLoop)
        let chain = pipeline.chain
        let task = Task.immediate(executorPreference: executor) {
            var message = message
            do throws(PipelineError) {
                try await chain.run(&message, from: step)
                conversation.value.ended(message, nil)
            } catch {
                conversation.value.ended(message, error)
            }
        }
        if let index = running.firstIndex(where: { $0.message == id }) { running[index].task = task }
    }

    private func ended(_ message: Message, _ error: PipelineError?) {
        running.removeAll { $0.message == message.id }
        if let error {
            logger.failure(error, of: message)
            settle(message, .error(error, clientID: message.clientID))
        } else if !pipeline.chain.answersInBackground {
            settle(message, nil)
        }
        advance()
    }

    fileprivate func settle(_ message: Message, _ frame: ServerFrame?) {
        for frame in order.settle(message.id, frame) { send(frame) }
        if pending == 0 && !isAdvancing { onIdle() }
    }
}

/// The way back to a connection, from any thread.
private final class ConversationReply: Reply {
    private let conversation: NIOLoopBound<Conversation>
    private let eventLoop: any EventLoop

    init(_ conversation: NIOLoopBound<Conversation>, _ eventLoop: any EventLoop) {
        self.conversation = conversation
        self.eventLoop = eventLoop
    }

    func answer(_ message: Message) {
        settle(message, .response(message))
    }

    func abandon(_ message: Message) {
        settle(message, nil)
    }

    private func settle(_ message: Message, _ frame: ServerFrame?) {
        if eventLoop.inEventLoop {
            conversation.value.settle(message, frame)
        } else {
            eventLoop.execute { self.conversation.value.settle(message, frame) }
        }
    }
}
