import Logging
import NIOCore
import NIOHTTP1
import Pipeline
import Synchronization

/// Answers HTTP requests one after the other, and closes a connection that takes too long to make one. The next comes once
/// the client has taken the answer to the one before, but for what fills a socket's buffers. A WebSocket's handshake may be
/// any of them, and is the last.
final class HTTPRequestHandler: ChannelInboundHandler, RemovableChannelHandler, OpenConnection {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let admitter: RequestAdmitter
    var gate: ConnectionGate { admitter.gate }
    private(set) var context: ChannelHandlerContext?
    let feeder: RequestFeeder?
    let codec: HTTPCodec?
    var logger: Logger { admitter.logger }
    var routes: HostRoutes { gate.loop.routes }
    var head: HTTPRequestHead?
    /// A message that comes by `POST`, and what there is of it.
    private var admission: Admission?
    /// Why such a message is not worked on, which is said once it is whole.
    private var rejection: HTTPRejection?
    private var body = ByteBuffer()
    private var exchange: HTTPExchange?
    /// What shows the host to an operator.
    var feed: ConsoleFeed?
    /// A handshake that is good and whose request has not ended.
    private var upgrade: WebSocketUpgrade?
    private(set) var clock: RequestClock?
    /// Whether a request has begun whose answer has not been written.
    private(set) var isBusy = false
    /// Whether the decoder reads no request after this one; or reads it by limits that have changed.
    private var needsDecoder = false
    var hasFormerLimits = false
    /// Whether the connection has lived long enough: it ends with what is under way.
    private var isOld = false
    /// An answer that is written but for its end, until the client takes more; and whether the connection ends with it.
    private var unended: Bool?

    /// - Parameters:
    ///   - feeder: Holds back what follows a request until that is answered; `nil` where nothing can follow it.
    ///   - codec: What reads and writes HTTP below; `nil` where no WebSocket can be opened.
    init(gate: ConnectionGate, feeder: RequestFeeder?, codec: HTTPCodec? = nil, logger: Logger) {
        admitter = RequestAdmitter(gate: gate, logger: logger)
        self.feeder = feeder
        self.codec = codec
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let clock = RequestClock(context.channel, loop: gate.loop) { self.grewOld(context) }
        self.clock = clock
        feeder?.requestBegins = clock.requestBegins
        self.context = context
        gate.loop.add(stranger: self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        gate.loop.remove(stranger: self)
        self.context = nil
        clock?.stop()
        clock = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(var piece):
            guard admission != nil, let head else { return }
            body.writeBuffer(&piece)
            if body.readableBytes > gate.limits.message.bytes { refuseBody(of: head, context) }
        case .end:
            // One that was refused early has had its answer.
            if isBusy { feeder?.requestReceived() }
            guard let head else { return }
            if let upgrade {
                open(upgrade, head, context)
            } else if let admission {
                begin(admission, head, context)
            } else {
                show(head, context)
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        exchange?.leave()
        feed?.leave()
        (exchange, feed) = (nil, nil)
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        exchange?.isBackpressured = !context.channel.isWritable
        if context.channel.isWritable, let isLast = unended { finish(context, isLast: isLast) }
        context.fireChannelWritabilityChanged()
    }

    /// What is known as soon as a request's head is there.
    private func begin(_ received: HTTPRequestHead, _ context: ChannelHandlerContext) {
        var head = received
        isBusy = true
        clock?.requestBegins()
        needsDecoder = HTTPCodec.isLastOfDecoder(head)
        feeder?.expectBody(of: head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0)
        do throws(HTTPRejection) { try head.settleHost() } catch {
            return answer(HTTPAnswer(error), head, context, isLast: true)
        }
        self.head = head
        let sender = admitter.sender(of: head, on: context.channel, mayStay: needsDecoder)
        if admitter.rules.isHandshake(head) {
            do throws(HTTPRejection) { upgrade = try WebSocketUpgrade(head, from: sender, admitter) } catch {
                // Its answer need not wait for a body that it should not have.
                answer(HTTPAnswer(error), head, context, isLast: true)
            }
        } else if admitter.rules.isMessage(head) {
            do throws(HTTPRejection) { admission = try admitter.admitMessage(head, from: sender) } catch {
                rejection = error
            }
        }
        if upgrade == nil, self.head != nil, head.waitsToGoOn { decideOnBody(of: head, context) }
    }

    private func open(_ upgrade: WebSocketUpgrade, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        self.upgrade = nil
        guard let codec, let feeder else { return refuse(head, context, HTTPRejection.unavailable("try again later")) }
        upgrade.perform(context, codec: codec, feeder: feeder, requests: self) { self.refuse(head, context, $0) }
    }

    /// Tells a client to go on that waits to hear whether its body may come (RFC 9110 section 10.1.1), as curl does with a
    /// long one, unless it is too long. What is refused for another reason may come all the same: Java 17 takes no answer
    /// but this one, and would wait for ever.
    private func decideOnBody(of head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.bodyLength <= gate.limits.message.bytes else {
            return admission == nil ? answer(head, context, isLast: true) : refuseBody(of: head, context)
        }
        let go = HTTPResponseHead(version: head.version, status: .continue)
        context.writeAndFlush(Self.wrapOutboundOut(.head(go)), promise: nil)
    }

    private func refuseBody(of head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        admission = nil
        let error = PipelineError(.tooLong, "A message has at most \(gate.limits.message.bytes) bytes")
        answer(HTTPAnswer(error, .payloadTooLarge, refusal: .tooBig), head, context, isLast: true)
    }

    /// Shows a stored session, where the request is for one.
    private func show(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        do throws(HTTPRejection) {
            if gate.refusal == nil, let request = try routes.feed(head, from: sender(of: head, context)) {
                return show(request, head, context)
            }
            guard gate.refusal == nil, let history = try routes.history(head) else {
                return answer(head, context, isLast: isLast(head))
            }
            // Reading has its own time limits, and only so many wait for a turn.
            clock?.pause()
            let (budget, channel, end) = (gate.connections.histories, context.channel, InputEnd())
            feeder?.inputEnds = { end.isSeen.store(true, ordering: .relaxed) }
            let answer = context.eventLoop.makeFutureWithTask {
                // Nobody waits for a turn who may be gone.
                await history.answer(within: budget) { channel.isActive && !end.isSeen.load(ordering: .relaxed) }
            }
            answer.assumeIsolated().whenSuccess { [feeder] answer in
                feeder?.inputEnds = nil
                guard context.channel.isActive else { return }
                do throws(HTTPRejection) {
                    try self.admitter.rules.confirm(history.credential, by: history.authenticator)
                    self.answer(answer, head, context, isLast: self.isLast(head))
                } catch {
                    self.answer(HTTPAnswer(error), head, context, isLast: self.isLast(head))
                }
            }
        } catch {
            answer(HTTPAnswer(error), head, context, isLast: isLast(head))
        }
    }

    /// Works on a message that came whole, once it is known that its session is the client's own.
    private func begin(_ admission: Admission, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        do throws(HTTPRejection) {
            guard let claim = try admitter.claim(admission, isMessage: true, on: context.eventLoop) else {
                return work(on: admission, head, context)
            }
            claim.assumeIsolated().whenComplete { result in
                guard context.channel.isActive else { return }
                switch result {
                case .success: self.work(on: admission, head, context)
                case .failure(let error): self.refuse(head, context, error)
                }
            }
        } catch {
            refuse(head, context, error)
        }
    }

    private func refuse(_ head: HTTPRequestHead, _ context: ChannelHandlerContext, _ error: any Error) {
        let rejection = error as? HTTPRejection ?? .unavailable("try again later")
        (admission, body) = (nil, ByteBuffer())
        answer(HTTPAnswer(rejection), head, context, isLast: isLast(head))
    }

    /// Its stages have their own time limits.
    private func work(on admission: Admission, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let share: SessionShare?
        do throws(HTTPRejection) {
            try admitter.rules.confirm(admission)
            share = try admitter.share(for: admission)
        } catch {
            return refuse(head, context, error)
        }
        clock?.pause()
        let text = body.withUnsafeReadableBytes { String(strictUTF8: $0) }
        (self.head, self.admission, body) = (nil, nil, ByteBuffer())
        guard let text else {
            let error = PipelineError(.invalidJSON, "Message is not valid JSON: it is not UTF-8")
            return answer(HTTPAnswer(error, refusal: .badRequest), head, context, isLast: true)
        }
        let begun = HTTPExchange(
            admission, head, context, loop: gate.loop, share: share, sharing: routes.sharing(head), feeder: feeder,
            logger: logger
        ) { [self] isLast in
            exchange = nil
            finish(context, isLast: isLast)
        }
        exchange = begun
        begun.begin(text)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ConnectionEvent.clientTakesNothing? = event as? ConnectionEvent {
            logger.info(
                "Closed a connection: the client takes nothing of what waits for it",
                metadata: ["address": "\(context.remoteAddress?.ipAddress ?? "")"])
        }
        // It sends nothing more, and what it sent is answered.
        if event as? ChannelEvent == .inputClosed, !isBusy { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case ByteToMessageDecoderError.leftoverDataWhenDone(let bytes)? = error as? ByteToMessageDecoderError {
            feeder?.putBack(bytes)
        } else {
            context.close(promise: nil)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext, isLast: Bool) {
        let isForOperators = HostRoutes.operatorPaths.contains(RequestTarget(head.uri).path)
        let refusal = isForOperators ? nil : gate.refusal ?? rejection
        if refusal?.kind == .stopping, admitter.rules.isMessage(head) {
            return self.answer(HTTPAnswer(.stopping, refusal: .stopping), head, context, isLast: isLast)
        }
        let answer =
            refusal.map(HTTPAnswer.init)
            ?? routes.answer(head, from: sender(of: head, context), isStopping: gate.connections.isStopping)
        self.answer(answer, head, context, isLast: isLast)
    }

    func answer(
        _ answer: HTTPAnswer, _ head: HTTPRequestHead, _ context: ChannelHandlerContext, isLast: Bool
    ) {
        (self.head, rejection) = (nil, nil)
        note(answer, to: head, context)
        var answer = answer
        answer.headers.add(contentsOf: routes.sharing(head))
        let (responseHead, body) = answer.parts(for: head, isLast: isLast, allocator: context.channel.allocator)
        context.write(Self.wrapOutboundOut(.head(responseHead)), promise: nil)
        if let body {
            let written = answer.reservation.map { reservation in
                let written = context.eventLoop.makePromise(of: Void.self)
                written.futureResult.whenComplete { _ in withExtendedLifetime(reservation) {} }
                return written
            }
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: written)
        }
        finish(context, isLast: isLast)
    }

    /// Ends an answer once the client has taken most of it. Only then is the next request looked at: a client that asks and
    /// does not read is told one thing more than a socket takes.
    func finish(_ context: ChannelHandlerContext, isLast: Bool) {
        context.flush()
        guard context.channel.isWritable else {
            clock?.pause()
            unended = isLast
            return
        }
        unended = nil
        isBusy = false
        gate.answered()
        clock?.requestEnds()
        let needsDecoder = (needsDecoder || hasFormerLimits) && codec != nil
        if !isLast, !needsDecoder { feeder?.answerTaken() }
        let written = context.writeAndFlush(Self.wrapOutboundOut(.end(nil)))
        if isLast {
            let channel = context.channel
            written.whenComplete { _ in channel.close(promise: nil) }
        } else if needsDecoder, let codec {
            renewDecoder(codec, context)
        } else {
            feeder?.feed()
        }
    }

    /// Whether the connection ends with the answer to this request. It is asked before the answer is made: otherwise a host
    /// that began to stop in between would say that it is ready and close.
    private func isLast(_ head: HTTPRequestHead) -> Bool { !head.isKeepAlive || isOld || gate.refusal != nil }

    private func grewOld(_ context: ChannelHandlerContext) {
        isOld = true
        feed?.end("the connection has lived long enough")
        if let exchange { exchange.expire() } else if !isBusy { context.close(promise: nil) }
    }
}

/// Whether a client has closed its sending half, for those on other threads.
private final class InputEnd: Sendable {
    let isSeen = Atomic<Bool>(false)
}
