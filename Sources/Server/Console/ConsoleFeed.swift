import Glibc
import Logging
import NIOCore
import NIOHTTP1
import Pipeline

/// An event stream for somebody who looks at the host, on the connection's event loop. What the client does not take is left
/// out, and a client that takes nothing is closed.
final class ConsoleFeed {
    let eventLoop: any EventLoop
    private let request: ConsoleRequest
    private let head: HTTPRequestHead
    private let context: ChannelHandlerContext
    private let loop: LoopConnections
    private let logger: Logger
    private let ended: () -> Void
    private var hasEnded = false
    /// Which outline the client has; and of which the taps are.
    private var version = 0
    private var tappedVersion = 0
    /// Whether the client has every point that there was.
    private var hasHistory = false
    /// Messages that were not shown, which the client has yet to hear of.
    private var omitted = 0
    private var taps: [(step: StepRunner, id: StepTap.ID)] = []
    private var sink: TapSink?
    /// Bytes that waited for the client after the last event, and since when there are no fewer.
    private var waiting = 0
    private var stalledSince: NIODeadline?

    /// How long a client may take nothing where the host has no limit for that.
    private static let longestStall = Duration.seconds(10)

    /// - Parameter ended: Called once nothing more is sent but the end.
    init(
        _ request: ConsoleRequest, _ head: HTTPRequestHead, _ context: ChannelHandlerContext, loop: LoopConnections,
        logger: Logger, ended: @escaping () -> Void
    ) {
        (self.request, self.head, self.context, self.loop) = (request, head, context, loop)
        (self.logger, self.ended) = (logger, ended)
        eventLoop = context.eventLoop
    }

    private var console: Console { loop.routes.watch }

    /// Begins, where the console has taken it.
    func begin() {
        let fields: HTTPHeaders = [
            "content-type": "text/event-stream", "cache-control": "no-store", "x-content-type-options": "nosniff",
            "x-accel-buffering": "no", "connection": "close",
        ]
        let response = HTTPResponseHead(version: head.version, status: .ok, headers: fields)
        context.write(NIOAny(HTTPServerResponsePart.head(response)), promise: nil)
        outline()
        console.begin(self, on: loop)
        context.flush()
    }

    /// Sends an event, unless the client has yet to take those before it.
    ///
    /// - Returns: Whether it was sent.
    @discardableResult func send(_ event: ByteBuffer) -> Bool {
        guard !hasEnded, context.channel.isWritable else { return false }
        context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(event))), promise: nil)
        return true
    }

    /// Sends the points that there were before.
    func sendHistory() { hasHistory = console.history.map { send($0) } ?? true }

    /// Sends what there is each second.
    ///
    /// - Parameter point: Where one is due.
    func take(_ figures: ByteBuffer, point: ByteBuffer?) {
        look()
        guard !hasEnded else { return }
        let before = bytesWaiting
        if before == 0 || before < waiting { stalledSince = nil }
        if before > 0, stalledSince == nil { stalledSince = eventLoop.now }
        if let since = stalledSince, eventLoop.now - since > TimeAmount(loop.writeLimit ?? Self.longestStall) {
            return cut()
        }
        sendOmitted()
        send(figures)
        if !hasHistory {
            // This point is the last of them.
            sendHistory()
        } else if let point {
            hasHistory = send(point)
        }
        context.flush()
        waiting = bytesWaiting
    }

    /// Sends a message that was looked at.
    private func show(_ message: ByteBuffer, from sink: TapSink) {
        sink.sent(message.readableBytes)
        guard !hasEnded, mayShow(from: sink) else {
            sink.omit()
            return look()
        }
        guard send(message) else { return sink.omit() }
        context.flush()
        waiting = bytesWaiting
    }

    /// Whether what a tap shows may be shown now: a reload may have changed that a moment ago.
    private func mayShow(from sink: TapSink) -> Bool {
        let routes = loop.routes
        return version == console.version && routes.stillAdmits(request)
            && (!sink.showsContent || routes.tap == .content)
    }

    /// Looks whether the client may have it still, and whether something else is served.
    func look() {
        guard !hasEnded else { return }
        guard loop.routes.stillAdmits(request) else { return end("may no longer be seen by this client") }
        if version != console.version { outline() }
    }

    /// Sends what is served. A client that can't take it now gets it in one of the next seconds, and no message before it.
    private func outline() {
        let outline = console.outline(of: loop.routes)
        if tappedVersion != outline.version {
            tappedVersion = outline.version
            tap(outline.redact)
        }
        guard send(outline.event) else { return }
        version = outline.version
        context.flush()
    }

    private func sendOmitted() {
        omitted += sink?.takeOmitted() ?? 0
        guard omitted > 0 else { return }
        var event = JSONMembers(type: "omitted")
        event.add("messages", .int(omitted))
        if send(ConsoleEvent.buffer(event.text)) { omitted = 0 }
    }

    private func tap(_ redact: Redaction) {
        untap()
        guard let label = request.label else { return }
        let feed = ConsoleFeedHandle(self)
        let sink = TapSink(of: request.session, showsContent: loop.routes.tap == .content, redact) { event, sink in
            feed.execute { $0.show(event, from: sink) }
        }
        self.sink = sink
        for pipeline in loop.routes.pipelines {
            for step in pipeline.chain.all where label == "*" || step.label.isExactly(label) {
                let (name, label) = (pipeline.name, step.label)
                taps.append((step, step.tap { sink.look($0, at: label, of: name) }))
            }
        }
    }

    private func untap() {
        for (step, id) in taps { step.untap(id) }
        omitted += sink?.takeOmitted() ?? 0
        (taps, sink) = ([], nil)
    }

    /// The client has gone.
    func leave() {
        guard !hasEnded else { return }
        hasEnded = true
        untap()
        console.remove(self)
    }

    /// Ends it.
    ///
    /// - Parameter reason: What the client is told.
    func end(_ reason: String) {
        guard !hasEnded else { return }
        var event = JSONMembers(type: "end")
        event.add("reason", .string(reason))
        send(ConsoleEvent.buffer(event.text))
        leave()
        ended()
    }

    /// Bytes that the client's kernel has not taken.
    private var bytesWaiting: Int {
        let buffered = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        var count: CInt = 0
        let outcome = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) {
            ioctl($0, UInt(TIOCOUTQ), &count)
        }
        return buffered + (outcome == 0 ? Int(count) : 0)
    }

    private func cut() {
        logger.info("Closed a console: the client takes nothing of what waits for it")
        loop.metrics.cut(.write)
        leave()
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        context.close(promise: nil)
    }
}

/// A feed, for other threads.
struct ConsoleFeedHandle: Sendable {
    private let feed: NIOLoopBound<ConsoleFeed>
    private let eventLoop: any EventLoop

    /// On the feed's event loop.
    init(_ feed: ConsoleFeed) {
        eventLoop = feed.eventLoop
        self.feed = NIOLoopBound(feed, eventLoop: eventLoop)
    }

    func execute(_ body: @escaping @Sendable (ConsoleFeed) -> Void) {
        eventLoop.execute { body(feed.value) }
    }
}
