package import NIOCore
import WebSocketCodec

/// How a connection ends, by itself and with its host, and what is looked at once a second.
extension WebSocketHandler {
    func close(_ code: WebSocketCloseCode, _ reason: String) {
        finish(closing.start(code, reason))
    }

    func finish(_ action: WebSocketCloseState.Action) {
        guard let context else { return }
        switch action {
        case .nothing: break
        case .end: context.close(promise: nil)
        case .sendClose(let code, let reason, let ending):
            closeCode = code ?? .noStatus
            let last = frames.takeAll(closingWith: code, reason)
            clock.closing(at: .now(), within: ending == .afterAnswer ? .seconds(10) : .seconds(2))
            sink.end()
            let channel = context.channel
            let written = channel.writeAndFlush(last)
            switch ending {
            case .afterAnswer: break
            case .now: written.whenComplete { _ in channel.close(promise: nil) }
            // Closing a socket with unread bytes resets it, and the client would never see why: so only our side is
            // closed, and what still comes is read and dropped.
            case .afterPeer:
                decoder.stop()
                isDropping = true
                written.whenComplete { _ in channel.close(mode: .output, promise: nil) }
            }
            readOn()
        }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ConnectionEvent { sink.willBeCut(because: "the client takes nothing of what waits for it") }
        context.fireUserInboundEventTriggered(event)
        // The end of what a client sends is its end.
        if event as? ChannelEvent == .inputClosed { context.close(promise: nil) }
    }

    func abort(_ reason: String) {
        sink.willBeCut(because: reason)
        context?.close(promise: nil)
    }

    // MARK: With the host

    /// Takes no further prompt, lets those that were received end, then sends a Close.
    func drain() {
        isDraining = true
        closeIfDrained()
    }

    /// The sink has fewer pending messages than before, or none.
    package func messagesHaveEnded() {
        closeIfDrained()
        readOnAndFlush()
    }

    private func closeIfDrained() {
        if isDraining, !closing.isClosing, sink.pending == 0 { close(.goingAway, "the host is stopping") }
    }

    /// Ends the connection now, whatever is in flight.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() -> Int {
        let unbegun = sink.stop()
        close(.goingAway, "the host is stopping")
        context?.close(promise: nil)
        return unbegun
    }

    var credential: ClientCredential? { (sink as? any AdmittedSink)?.credential }

    func cancel(unless review: AccessReview) {
        if (sink as? any AdmittedSink)?.cancel(unless: review) == true { isCancelled = true }
    }

    /// After whatever other event loops have told the client by then.
    func closeIfCancelled() {
        if isCancelled { close(.policyViolation, "the client is no longer authorized") }
    }

    /// Called about once a second: pings, and closes what is silent, stuck or too old.
    func tick(at now: NIODeadline) {
        switch clock.tick(at: now, isBusy: sink.pending > 0) {
        case .nothing: if frames.holdsPong { flush() }
        case .ping:
            if mayWrite { frames.ping() }
            flush()
        case .close(let code, let reason): close(code, reason)
        case .abort(let reason): abort(reason)
        }
    }
}
