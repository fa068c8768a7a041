import NIOCore

/// How a connection ends with its host, and what is looked at once a second.
extension WebSocketHandler {
    /// Takes no further prompt, lets those that were received end, then sends a Close.
    func drain() {
        isDraining = true
        closeIfDrained()
    }

    /// The sink has fewer pending messages than before, or none.
    package func messagesHaveEnded() {
        closeIfDrained()
        goOnAndFlush()
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
