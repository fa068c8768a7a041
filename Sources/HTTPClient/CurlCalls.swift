import CCurl

/// The calls that a multi handle runs. Used on the client's thread alone.
final class CurlCalls {
    private let multi: UnsafeMutableRawPointer
    private let allowsHTTP2: Bool
    private let unproxied = CurlProxy.unproxiedHosts
    private let sockets: CurlSockets

    /// Retains a handle exactly as long as libcurl knows of it.
    private var running: [ObjectIdentifier: CurlEasy] = [:]
    private var spare: [CurlEasy] = []
    private var full: [CurlEasy] = []
    /// Calls that start when it is known whether kept connections may be used again.
    private var heldBack: [Call] = []

    /// No deadline passes before it.
    private var nextCheck = ContinuousClock.now

    /// Handles that are kept for later calls; each holds about 6 KiB.
    private static let spareLimit = 64

    init(multi: UnsafeMutableRawPointer, allowsHTTP2: Bool, sockets: CurlSockets) {
        self.multi = multi
        self.allowsHTTP2 = allowsHTTP2
        self.sockets = sockets
    }

    func obey(_ command: CurlWorker.Command) {
        switch command {
        case .start(let call): start(call)
        case .cancel(let call):
            call.fail(.cancelled)
            if let easy = running[ObjectIdentifier(call)] { remove(easy, call) }
        case .resume(let call): running[ObjectIdentifier(call)]?.resume()
        }
    }

    private func start(_ call: Call) {
        guard !call.isOver else { return }
        switch sockets.rule() {
        case .wait:
            heldBack.append(call)
            noteObservation()
        case .anyConnection: begin(call) { _ in }
        case .ownConnection: begin(call) { $0.takeOwnConnection() }
        }
    }

    private func begin(_ call: Call, _ prepare: (CurlEasy) -> Void) {
        guard let easy = spare.popLast() ?? CurlEasy() else {
            return call.fail(HTTPClientError(.other, "there is no memory for another call"))
        }
        easy.begin(call, allowsHTTP2: allowsHTTP2, unproxied: unproxied, sockets: sockets) { [unowned self] in
            full.append(easy)
        }
        prepare(easy)
        guard curl_multi_add_handle(multi, easy.pointer) == CURLM_OK else {
            easy.reset()
            return call.fail(HTTPClientError(.other, "libcurl refused the call"))
        }
        running[ObjectIdentifier(call)] = easy
        nextCheck = min(nextCheck, easy.earliestDeadline(call, now: call.start))
    }

    /// Moves every call on as far as its socket lets it, and ends those that are done or late.
    ///
    /// - Returns: how long the thread may sleep if nothing happens on its sockets, in milliseconds.
    func advance() -> Int32 {
        var count: Int32 = 0
        curl_multi_perform(multi, &count)
        endThoseDone()
        for easy in full { easy.pauseIfFull() }
        full.removeAll(keepingCapacity: true)
        let now = ContinuousClock.now
        if now >= nextCheck { endThoseLate(now) }
        return Int32(clamping: now.duration(to: nextCheck).wholeMilliseconds)
    }

    private func endThoseDone() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let pointer = message.pointee.easy_handle else { continue }
            let code = message.pointee.data.result
            guard let easy = CurlEasy.of(pointer), let call = easy.call else { continue }
            if easy.hasStaleConnection {
                // Nothing was sent, so it is sent once over a connection that nobody has used.
                remove(easy, call)
                begin(call) { $0.takeNewConnection() }
            } else {
                easy.finish(call, code)
                remove(easy, call)
                noteObservation()
            }
        }
    }

    private func noteObservation() {
        if let end = sockets.trust.observationEnd { nextCheck = min(nextCheck, end) }
    }

    private func endObservation(_ now: ContinuousClock.Instant) {
        guard let end = sockets.trust.observationEnd else { return }
        guard now >= end else { return noteObservation() }
        sockets.endObservation()
        let calls = heldBack
        heldBack = []
        for call in calls { start(call) }
    }

    private func endThoseLate(_ now: ContinuousClock.Instant) {
        nextCheck = now + .seconds(60)
        endObservation(now)
        for easy in running.values {
            guard let call = easy.call else { continue }
            if let deadline = easy.passedDeadline(call, now: now) {
                call.fail(.timeout(deadline, of: call.request.deadlines))
                remove(easy, call)
            } else {
                nextCheck = min(nextCheck, easy.earliestDeadline(call, now: now))
            }
        }
    }

    func endAll(_ error: HTTPClientError) {
        for easy in running.values {
            guard let call = easy.call else { continue }
            call.fail(error)
            remove(easy, call)
        }
        for call in heldBack { call.fail(error) }
        (spare, heldBack) = ([], [])
    }

    /// Takes a call from libcurl, which closes its connection unless the response was whole.
    private func remove(_ easy: CurlEasy, _ call: Call) {
        curl_multi_remove_handle(multi, easy.pointer)
        running[ObjectIdentifier(call)] = nil
        easy.reset()
        if spare.count < Self.spareLimit { spare.append(easy) }
    }
}
