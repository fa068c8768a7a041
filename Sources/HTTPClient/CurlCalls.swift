import CCurl

/// The calls that a multi handle runs. Used on the client's thread alone.
final class CurlCalls {
    private let events: CurlEvents
    private let sockets: CurlSockets
    private let options: CurlOptions
    private let keptConnections: Int

    /// Retains a handle exactly as long as libcurl knows of it.
    private var running: [ObjectIdentifier: CurlEasy] = [:]
    private var spare: [CurlEasy] = []
    private var full: [CurlEasy] = []
    private var lanes = CurlLanes()
    private var deadlines = Deadlines<CurlEasy>()
    /// Calls that start when it is known whether kept connections may be used again.
    private var heldBack: [Call] = []

    /// Handles that are kept for later calls; each holds about 6 KiB.
    private static let spareLimit = 64

    init(_ configuration: HTTPClientConfiguration, events: CurlEvents, sockets: CurlSockets) {
        self.events = events
        self.sockets = sockets
        keptConnections = max(1, configuration.keptConnections)
        options = CurlOptions(allowsHTTP2: configuration.allowsHTTP2)
    }

    func obey(_ command: CurlCommand) {
        switch command {
        case .start(let call): start(call)
        case .cancel(let call):
            call.fail(.cancelled)
            if let easy = running[ObjectIdentifier(call)] { remove(easy, call) }
        case .resume(let call): running[ObjectIdentifier(call)]?.resume()
        case .distrust: sockets.distrust()
        }
    }

    private func start(_ call: Call) {
        guard !call.isOver else { return }
        switch sockets.rule() {
        case .wait: heldBack.append(call)
        case .anyConnection: begin(call, .any)
        case .ownConnection: begin(call, .own)
        }
    }

    private func begin(_ call: Call, _ connection: CurlEasy.ConnectionRule) {
        guard let easy = spare.popLast() ?? makeHandle() else {
            return call.fail(HTTPClientError(.other, "there is no memory for another call"))
        }
        let lane = lanes.take()
        easy.begin(call, lane: lane, connection)
        guard curl_multi_add_handle(events.multi, easy.pointer) == CURLM_OK else {
            easy.reset()
            lanes.leave(lane)
            return call.fail(HTTPClientError(.other, "libcurl refused the call"))
        }
        running[ObjectIdentifier(call)] = easy
        deadlines.add(easy, at: easy.earliestDeadline(call, now: call.start))
        allowConnections()
    }

    private func makeHandle() -> CurlEasy? {
        CurlEasy(options, sockets) { [unowned self] in full.append($0) }
    }

    /// libcurl counts all its connections against its limit, not the idle ones: with more calls than that it would close
    /// one for each call that ends.
    private func allowConnections() {
        curl_set_multi_long(events.multi, CURLMOPT_MAXCONNECTS, running.count + keptConnections)
    }

    /// Goes on after sockets were worked on or commands obeyed: with what libcurl has put off, with calls that have ended
    /// or are late, and with those whose readers are slow.
    func advance() {
        let now = ContinuousClock.now
        // First, as the timer may be for reading on.
        pauseThoseFull()
        events.runTimer(now)
        pauseThoseFull()
        endThoseDone()
        if let next = deadlines.next, next <= now { endThoseLate(now) }
        if let end = sockets.trust.observationEnd, end <= now { sockets.endObservation() }
        if !heldBack.isEmpty, sockets.trust.observationEnd == nil { startThoseHeldBack() }
    }

    private func pauseThoseFull() {
        guard !full.isEmpty else { return }
        for easy in full { easy.pauseIfFull() }
        full.removeAll(keepingCapacity: true)
    }

    /// When there is something to do though nothing is ready; `nil` where there is nothing.
    var next: ContinuousClock.Instant? {
        var next = deadlines.next
        if let timer = events.timer, next.map({ timer < $0 }) ?? true { next = timer }
        if let end = sockets.trust.observationEnd, next.map({ end < $0 }) ?? true { next = end }
        return next
    }

    private func endThoseDone() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(events.multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let pointer = message.pointee.easy_handle else { continue }
            let code = message.pointee.data.result
            guard let easy = CurlEasy.of(pointer), let call = easy.call else { continue }
            if easy.hasStaleConnection {
                // Nothing was sent, so it is sent once over a connection that nobody has used.
                remove(easy, call)
                begin(call, .new)
            } else {
                easy.finish(call, code)
                remove(easy, call)
            }
        }
    }

    /// It is known whether kept connections may be used again: because nothing came for long enough, or because something did.
    private func startThoseHeldBack() {
        let calls = heldBack
        heldBack = []
        for call in calls { start(call) }
    }

    private func endThoseLate(_ now: ContinuousClock.Instant) {
        while let easy = deadlines.popFirst(at: now) {
            guard let call = easy.call else { continue }
            if let deadline = easy.passedDeadline(call, now: now) {
                call.fail(.timeout(deadline, of: call.request.deadlines))
                remove(easy, call)
            } else {
                deadlines.add(easy, at: max(easy.earliestDeadline(call, now: now), now + .milliseconds(1)))
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
        curl_multi_remove_handle(events.multi, easy.pointer)
        running[ObjectIdentifier(call)] = nil
        deadlines.remove(easy)
        lanes.leave(easy.lane)
        easy.reset()
        allowConnections()
        if spare.count < Self.spareLimit { spare.append(easy) }
    }
}
