import CCurl

/// The calls that a thread runs. Used on that thread alone.
final class CurlCalls {
    private let events: CurlEvents
    private let sockets: CurlSockets
    private let options: CurlOptions

    /// Retains a handle exactly as long as libcurl knows of it.
    private var running: [ObjectIdentifier: CurlEasy] = [:]
    private var spare = SpareHandles<CurlEasy>()
    private var full: [CurlEasy] = []
    private var lanes: CurlLanes
    /// When lanes without calls are given up.
    private var trimming: ContinuousClock.Instant?
    private var deadlines = Deadlines<CurlEasy>()
    /// Calls that start when it is known whether kept connections may be used again.
    private var heldBack: [Call] = []

    /// When the last call began.
    private(set) var lastBegin: ContinuousClock.Instant?

    /// When calls that began of late are looked at.
    private var nextRound = ContinuousClock.now

    /// Most calls have been sent by then, and those that are answered by then are gone.
    private static let sending: Duration = .milliseconds(50)

    /// For so long a lane without calls stays: calls that come and go around its size would open it again and again.
    private static let emptyTime = Duration.seconds(1)

    init(_ configuration: HTTPClientConfiguration, events: CurlEvents, sockets: CurlSockets) {
        self.events = events
        self.sockets = sockets
        lanes = CurlLanes(keeping: max(1, configuration.keptConnections))
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
        guard let easy = spare.take() ?? makeHandle() else {
            return call.fail(HTTPClientError(.other, "there is no memory for another call"))
        }
        let number = lanes.take(isEncrypted: call.isEncrypted)
        if !lanes.hasEmptyEnd { trimming = nil }
        easy.begin(call, lane: number, connection)
        guard let lane = events.lane(number), curl_multi_add_handle(lane.multi, easy.pointer) == CURLM_OK else {
            easy.reset()
            lanes.leave(number)
            return call.fail(HTTPClientError(.other, "libcurl refused the call"))
        }
        running[ObjectIdentifier(call)] = easy
        lastBegin = call.start
        deadlines.add(easy, at: nextLook(at: easy, call, now: call.start))
        lane.allowConnections(lanes.connections(of: number))
    }

    private func makeHandle() -> CurlEasy? {
        CurlEasy(options, sockets) { [unowned self] in full.append($0) }
    }

    /// Goes on after sockets were worked on or commands obeyed: with what libcurl has put off, with calls that have ended
    /// or are late, and with those whose readers are slow.
    func advance() {
        let now = ContinuousClock.now
        // First, as the timer may be for reading on.
        pauseThoseFull()
        events.runTimers(now)
        pauseThoseFull()
        endThoseDone()
        if let next = deadlines.next, next <= now { lookAtThoseDue(now) }
        if let end = sockets.trust.observationEnd, end <= now { sockets.endObservation() }
        if let end = spare.periodEnd, end <= now { spare.endPeriod(now) }
        if !heldBack.isEmpty, sockets.trust.observationEnd == nil { startThoseHeldBack() }
        if let time = trimming, time <= now {
            trimming = nil
            events.closeLanes(from: lanes.trim())
        }
    }

    private func pauseThoseFull() {
        guard !full.isEmpty else { return }
        for easy in full { easy.pauseIfFull() }
        full.removeAll(keepingCapacity: true)
    }

    /// When there is something to do though nothing is ready; `nil` where there is nothing.
    var next: ContinuousClock.Instant? {
        var next = deadlines.next
        func note(_ time: ContinuousClock.Instant?) {
            if let time { next = min(time, next ?? time) }
        }
        note(events.timer)
        note(sockets.trust.observationEnd)
        note(trimming)
        note(spare.periodEnd)
        return next
    }

    private func endThoseDone() {
        for lane in events.takeWorkedLanes() { endThoseDone(of: lane) }
    }

    private func endThoseDone(of lane: CurlLane) {
        // All are asked for first: for each call that is removed libcurl walks over the ends that it has yet to tell.
        var ends: [(easy: CurlEasy, call: Call, code: CURLcode)] = []
        var left: Int32 = 0
        while let message = curl_multi_info_read(lane.multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let pointer = message.pointee.easy_handle else { continue }
            guard let easy = CurlEasy.of(pointer), let call = easy.call else { continue }
            ends.append((easy, call, message.pointee.data.result))
        }
        for (easy, call, code) in ends {
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

    /// Ends those that are late, and has the others let go of what they were sent from.
    private func lookAtThoseDue(_ now: ContinuousClock.Instant) {
        while let easy = deadlines.popFirst(at: now) {
            guard let call = easy.call else { continue }
            if let deadline = easy.passedDeadline(call, now: now) {
                call.fail(.timeout(deadline, of: call.request.deadlines))
                remove(easy, call)
            } else {
                if easy.hasSendBuffers { easy.freeSendBuffers() }
                deadlines.add(easy, at: max(nextLook(at: easy, call, now: now), now + .milliseconds(1)))
            }
        }
    }

    /// When a call is looked at again: at its deadline, and before that where it may have been sent. All that began within a
    /// twentieth of a second are looked at together then.
    private func nextLook(
        at easy: CurlEasy, _ call: Call, now: ContinuousClock.Instant
    ) -> ContinuousClock.Instant {
        let deadline = easy.earliestDeadline(call, now: now)
        guard easy.hasSendBuffers else { return deadline }
        if nextRound < now + Self.sending { nextRound = now + Self.sending * 2 }
        return min(deadline, nextRound)
    }

    func endAll(_ error: HTTPClientError) {
        for easy in running.values {
            guard let call = easy.call else { continue }
            call.fail(error)
            remove(easy, call)
        }
        for call in heldBack { call.fail(error) }
        heldBack = []
        spare.removeAll()
    }

    /// Takes a call from libcurl, which closes its connection unless the response was whole.
    private func remove(_ easy: CurlEasy, _ call: Call) {
        let lane = events.lane(easy.lane)
        if let lane { curl_multi_remove_handle(lane.multi, easy.pointer) }
        running[ObjectIdentifier(call)] = nil
        deadlines.remove(easy)
        lanes.leave(easy.lane)
        if trimming == nil, lanes.hasEmptyEnd { trimming = .now + Self.emptyTime }
        lane?.allowConnections(lanes.connections(of: easy.lane))
        easy.reset()
        spare.put(easy)
    }
}
