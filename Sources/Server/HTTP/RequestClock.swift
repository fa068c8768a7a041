import NIOCore

/// The time that a client may take for a request, from its first byte on (of the first one from accept on), between two, and
/// for all of them: a connection that has been of use is kept, as proxies keep theirs.
///
/// One timer serves all requests of a connection: it looks in the interval of the shorter time, and again when that one is
/// over which runs then. Set for each request, it would cost as much as the rest of a short answer.
final class RequestClock {
    private enum Phase {
        case request
        case between
    }

    private let channel: any Channel
    private let loop: LoopConnections
    private var phase = Phase.request
    /// When the phase began; `nil` while that is not looked at.
    private var began: NIODeadline?
    private var nextLook: Scheduled<Void>?
    private var isOver = false
    private let opened = NIODeadline.now()
    private var end: Scheduled<Void>?
    private let grewOld: () -> Void

    /// - Parameter grewOld: Called once the connection has lived long enough.
    init(_ channel: any Channel, loop: LoopConnections, grewOld: @escaping () -> Void) {
        (self.channel, self.loop, self.grewOld) = (channel, loop, grewOld)
        start()
        limitLife()
    }

    /// A request has begun. The time runs for the whole of it and is not extended by its bytes.
    func requestBegins() {
        guard phase == .between else { return }
        phase = .request
        start()
    }

    /// A request is answered.
    func requestEnds() {
        phase = .between
        start()
    }

    /// Whatever takes time now has limits of its own.
    func pause() { began = nil }

    /// The limits are others, also for the time that runs.
    func limitsChanged() {
        guard !isOver else { return }
        nextLook?.cancel()
        nextLook = nil
        lookLater()
        limitLife()
    }

    private func limitLife() {
        end?.cancel()
        let lifetime = loop.limits.lifetime
        end =
            lifetime > .zero
            ? channel.eventLoop.assumeIsolated().scheduleTask(deadline: opened + TimeAmount(lifetime), grewOld) : nil
    }

    /// The connection ends, or speaks something else.
    func stop() {
        isOver = true
        nextLook?.cancel()
        nextLook = nil
        end?.cancel()
    }

    /// When the client has taken too long; `nil` where that is not looked at, or not limited.
    private var deadline: NIODeadline? {
        let limit = phase == .request ? loop.limits.handshake : loop.limits.idle
        return limit > .zero ? began.map { $0 + TimeAmount(limit) } : nil
    }

    private func start() {
        began = channel.eventLoop.now
        if nextLook == nil { lookLater() }
    }

    private func lookLater() {
        guard let deadline, !isOver else { return }
        // Never later than any time that may begin meanwhile ends.
        let shortest = [loop.limits.handshake, loop.limits.idle].filter { $0 > .zero }.min() ?? .zero
        let next = min(deadline, channel.eventLoop.now + TimeAmount(shortest))
        nextLook = channel.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.look() }
    }

    private func look() {
        nextLook = nil
        guard let deadline else { return }
        guard deadline <= channel.eventLoop.now else { return lookLater() }
        // Who has yet to take its answer can't be expected to ask for more; `write` is its limit.
        let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if loop.limits.write > .zero, waiting > 0 { return start() }
        if phase == .request { loop.metrics.refused(.handshakeTimeout) }
        channel.close(promise: nil)
    }
}
