import Logging
import NIOCore
import NIOHTTP1
import Pipeline
import WebSocketCodec

/// A message that came by `POST`, and its answer: one JSON object, or an event for each frame where the client asks for
/// `text/event-stream`.
final class HTTPExchange: ConversationClient, UnfinishedWork, GatheringConnection {
    private let context: ChannelHandlerContext
    private let head: HTTPRequestHead
    /// Whether the connection ends with the answer.
    private var isLast: Bool
    private let loop: LoopConnections
    private let session: Session
    private let key: SessionKey
    private let isEventStream: Bool
    /// What the body is read by, and the answer written, where that is not JSON.
    private let translator: (any TranslatingEntryStage)?
    /// Header fields that let a page of another origin read the answer.
    private let sharing: HTTPHeaders
    private let ended: (_ isLast: Bool) -> Void
    private let feeder: RequestFeeder?
    /// The way of events past the channel; there once the first has left.
    private var socket: ClientSocket?
    /// Events that leave with those of other clients, once a turn of the event loop.
    @exclusivity(unchecked) private var gathered: ByteBuffer?
    private var conversation: Conversation?
    private var sequence = 0
    private var hasBegun = false
    private var hasEnded = false
    /// When an event stream last had anything for its client, and when that is looked at next.
    private var spoke = NIODeadline.uptimeNanoseconds(0)
    private var nextLook: Scheduled<Void>?

    /// How long an event stream's header waits for something to say: proxies give up on a server without one.
    private static let headerDelay = TimeAmount.seconds(10)
    /// How long an event stream is silent; then it has a comment.
    private static let longestSilence = TimeAmount.seconds(15)

    /// - Parameters:
    ///   - share: The message's part in a session that hosts share.
    ///   - feeder: Takes bytes that are encoded already.
    ///   - ended: Called once the whole answer is written, but for its end; with whether the connection ends with it.
    init(
        _ admission: Admission, _ head: HTTPRequestHead, _ context: ChannelHandlerContext, loop: LoopConnections,
        share: SessionShare? = nil, sharing: HTTPHeaders = [:], feeder: RequestFeeder? = nil, logger: Logger,
        ended: @escaping (_ isLast: Bool) -> Void
    ) {
        self.context = context
        self.feeder = feeder
        self.head = head
        self.loop = loop
        self.sharing = sharing
        self.ended = ended
        session = admission.session
        key = SessionKey(admission.pipeline, admission.session)
        translator = admission.pipeline.entry.translator
        isEventStream =
            translator == nil
            && head.headers[canonicalForm: "accept"].contains { $0.lowercased().hasPrefix("text/event-stream") }
        // Events have no length, which HTTP/1.0 can say by the connection's end alone.
        isLast = !head.isKeepAlive || isEventStream && head.version != .http1_1
        conversation = Conversation(
            pipeline: loop.pipeline(admission.pipeline), session: session, format: .json, executor: loop.executor,
            logger: logger, isNamed: admission.identity?.username != nil, takesDeltas: isEventStream,
            origin: admission.origin, kept: loop.routes.kept, share: share, credential: admission.credential,
            client: self)
    }

    /// Works on the message.
    func begin(_ body: String) {
        loop.add(work: self)
        if isEventStream { lookForSilence(in: Self.headerDelay) }
        defer { if let conversation, conversation.pending > 0 { loop.messageTurns.noteBegun() } }
        guard let translator else {
            conversation?.receive(body)
            return
        }
        do {
            conversation?.receive(try translator.request(in: body).frame)
        } catch {
            // Whatever id the body has, it is not written as JSON.
            let error = PipelineError(error, stage: type(of: translator).name)
            conversation?.refuse(ClientFrame.Refusal(error: error, id: nil))
        }
    }

    /// Lets an event stream's client, and the proxies between, see that there is somebody.
    private func lookForSilence(in time: TimeAmount) {
        nextLook = context.eventLoop.assumeIsolated().scheduleTask(in: time) { self.breakSilence() }
    }

    private func breakSilence() {
        guard !hasEnded else { return }
        flush()
        let now = context.eventLoop.now
        if !hasBegun {
            write(.ok, "text/event-stream", length: nil)
            spoke = now
        } else if now - spoke >= Self.longestSilence {
            // Where the client takes nothing, nothing is added.
            if context.channel.isWritable { write(body: ":\n\n") }
            // The channel may have bytes now.
            socket = nil
            spoke = now
        }
        context.flush()
        lookForSilence(in: spoke + Self.longestSilence - now)
    }

    /// A request is one message, and has no other.
    func cancelElsewhere(_ clientID: String) {
        let error = PipelineError(.invalidMessage, "A request has no other message to cancel")
        send(.error(error, clientID: nil, in: .json))
    }

    /// Whether the client takes what is written.
    var isBackpressured: Bool {
        get { conversation?.isBackpressured ?? false }
        set { conversation?.isBackpressured = newValue }
    }

    /// The client has gone.
    func leave() {
        hasEnded = true
        nextLook?.cancel()
        guard let conversation else { return }
        if conversation.outlivesClient { loop.keep(conversation, of: key) } else { conversation.end() }
        forget()
    }

    /// Ends it with an error, as the connection has lived long enough.
    func expire() {
        isLast = true
        send(.error(.connectionTooOld, clientID: nil, in: .json))
        leave()
    }

    var credential: ClientCredential? { conversation?.credential }

    func cancel(unless review: AccessReview) {
        if let conversation, !review.admits(conversation.credential) { conversation.cancelAll() }
    }

    /// Ends it, whatever is in flight.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() -> Int {
        let unbegun = conversation?.stop() ?? 0
        context.close(promise: nil)
        leave()
        return unbegun
    }

    func send(_ frame: ServerFrame) {
        guard !hasEnded else { return }
        sequence += 1
        let text = frame.text(sequence: sequence)
        let isLast = frame.kind != .delta
        if isEventStream, hasBegun || !frame.isError {
            spoke = context.eventLoop.now
            if !isLast, gather(event: text) { return }
            flush()
            if !hasBegun { write(.ok, "text/event-stream", length: nil) }
            write(body: "data: \(text)\n\n")
        } else {
            let body = translator.map { $0.text(of: frame.answer) } ?? text + "\n"
            write(
                frame.status, translator?.contentType ?? "application/json", length: body.utf8.count,
                retryAfter: frame.retryAfter)
            write(body: body)
        }
        if isLast { end() } else { context.flush() }
    }

    /// Gathers an event as a chunk of the answer that is sent without the channel's handlers and its queue: they cost a fifth
    /// of a word.
    ///
    /// - Returns: Whether that can be.
    private func gather(event text: String) -> Bool {
        // An answer that ends with its connection has no chunks.
        guard hasBegun, !isLast, feeder != nil else { return false }
        if socket == nil { socket = ClientSocket(of: context.channel) }
        guard socket != nil else { return false }
        let former = gathered.take()
        var chunks = former ?? loop.frameBuffers.take()
        chunks.writeChunk(event: text)
        let count = chunks.readableBytes
        gathered = consume chunks
        // What never ends has its flush, which shows whether the client takes it.
        if count > LoopConnections.maxGathered { flush() } else if former == nil { loop.flushSoon(self) }
        return true
    }

    func flush() {
        guard !hasEnded, var chunks = gathered.take() else { return }
        if socket?.write(&chunks, behind: bytesWaiting) == true { return loop.frameBuffers.put(consume chunks) }
        feeder?.write(chunks)
    }

    private var bytesWaiting: Int { (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    func conversationIsIdle() {
        if !hasEnded {
            // A pipeline that answers nobody.
            if !hasBegun { write(.noContent, nil, length: nil) }
            end()
        }
        conversation?.end()
        forget()
    }

    private func forget() {
        conversation = nil
        loop.remove(work: self)
    }

    private func end() {
        flush()
        hasEnded = true
        nextLook?.cancel()
        ended(isLast)
    }

    private func write(
        _ status: HTTPResponseStatus, _ contentType: String?, length: Int?, retryAfter: Int64? = nil
    ) {
        hasBegun = true
        var headers: HTTPHeaders = [
            "cache-control": "no-store", "x-content-type-options": "nosniff", "stagecoach-session": session.id,
        ]
        if let contentType { headers.add(name: "content-type", value: contentType) }
        // nginx keeps pieces back unless it is told not to.
        if contentType == "text/event-stream" { headers.add(name: "x-accel-buffering", value: "no") }
        if let length { headers.add(name: "content-length", value: String(length)) }
        if let retryAfter { headers.add(name: "retry-after", value: String(retryAfter)) }
        if isLast { headers.add(name: "connection", value: "close") }
        headers.add(contentsOf: sharing)
        let response = HTTPResponseHead(version: head.version, status: status, headers: headers)
        context.write(NIOAny(HTTPServerResponsePart.head(response)), promise: nil)
    }

    private func write(body: String) {
        let buffer = context.channel.allocator.buffer(string: body)
        context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(buffer))), promise: nil)
    }
}

extension PipelineError {
    /// What ends an answer that takes longer than its connection may live.
    fileprivate static let connectionTooOld = PipelineError(
        .cancelled, "The connection has lived long enough", isRetryable: true)
}

extension ServerFrame {
    fileprivate var isError: Bool {
        if case .error = kind { true } else { false }
    }
}
