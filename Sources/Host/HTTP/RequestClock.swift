import NIOCore

/// The time that a client may take for a request, from its first byte on (of the first one from accept on), and between
/// two: a connection that has been of use is kept, as proxies keep theirs.
///
/// One timer serves all requests of a connection: it looks in the interval of the shorter time, and again when that one is
/// over which runs then. Set for each request, it would cost as much as the rest of a short answer.
final class RequestClock {
    private enum Phase {
        case request
        case between
    }

    private let channel: any Channel
    private let limits: HostLimits
    private let metrics: HostMetrics
    private var phase = Phase.request
    /// When the client has taken too long; `nil` while that is not looked at.
    private var deadline: NIODeadline?
    private var nextLook: Scheduled<Void>?
    private var isOver = false

    init(_ channel: any Channel, limits: HostLimits, metrics: HostMetrics) {
        (self.channel, self.limits, self.metrics) = (channel, limits, metrics)
        start()
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
    func pause() { deadline = nil }

    /// The connection ends, or speaks something else.
    func stop() {
        isOver = true
        nextLook?.cancel()
        nextLook = nil
    }

    private func start() {
        let limit = phase == .request ? limits.handshake : limits.idle
        deadline = limit > .zero ? channel.eventLoop.now + TimeAmount(limit) : nil
        if nextLook == nil { lookLater() }
    }

    private func lookLater() {
        guard let deadline, !isOver else { return }
        // Never later than any time that may begin meanwhile ends.
        let shortest = [limits.handshake, limits.idle].filter { $0 > .zero }.min() ?? .zero
        let next = min(deadline, channel.eventLoop.now + TimeAmount(shortest))
        nextLook = channel.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.look() }
    }

    private func look() {
        nextLook = nil
        guard let deadline else { return }
        guard deadline <= channel.eventLoop.now else { return lookLater() }
        // Who has yet to take its answer can't be expected to ask for more; `write` is its limit.
        let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if limits.write > .zero, waiting > 0 { return start() }
        if phase == .request { metrics.refused(.handshakeTimeout) }
        channel.close(promise: nil)
    }
}
