import NIOCore
import Pipeline
import Synchronization

/// Every connection of the host: how many there are, and how to end them all.
final class Connections: Sendable {
    private let loops: [ObjectIdentifier: NIOLoopBound<LoopConnections>]
    private let eventLoops: [any EventLoop]
    private let accepted = Atomic<Int>(0)
    private let acceptedEver = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let proxies: TrustedProxies
    private let rate: ConnectRate
    private let slots: AddressSlots
    let owners = SessionOwners()
    let histories = HistoryBudget()
    let refusals = RefusalLog()
    let metrics = HostMetrics()

    init(
        group: any EventLoopGroup, limits: HostLimits, proxies: TrustedProxies, routes: HostRoutes,
        maxRefused: Int = 64
    ) async throws {
        self.proxies = proxies
        rate = ConnectRate(perSecond: limits.connectsPerSecond)
        slots = AddressSlots(limit: limits.connectionsPerAddress)
        eventLoops = Array(group.makeIterator())
        let share = max(2, maxRefused / max(1, eventLoops.count))
        var loops: [ObjectIdentifier: NIOLoopBound<LoopConnections>] = [:]
        for eventLoop in eventLoops {
            loops[ObjectIdentifier(eventLoop)] = try await eventLoop.submit { [metrics] in
                let loop = LoopConnections(
                    eventLoop, limits: limits, routes: routes, metrics: metrics, maxRefused: share)
                loop.open()
                return NIOLoopBound(loop, eventLoop: eventLoop)
            }.get()
        }
        self.loops = loops
    }

    /// Whether the host takes no new client any more.
    var isStopping: Bool { stopping.load(ordering: .relaxed) }

    /// How many there are now, and were ever accepted.
    var count: (now: Int, ever: Int) {
        (accepted.load(ordering: .relaxed), acceptedEver.load(ordering: .relaxed))
    }

    /// What becomes of a connection that was accepted.
    enum Arrival {
        case served(ConnectionGate)
        case refused(HTTPRejection, LoopConnections)
    }

    /// Counts a connection for as long as it lives. Called on its event loop.
    func accept(_ channel: any Channel) -> Arrival? {
        guard let loop = loops[ObjectIdentifier(channel.eventLoop)]?.value else { return nil }
        acceptedEver.add(1, ordering: .relaxed)
        metrics.connectionOpened()
        channel.closeFuture.whenComplete { _ in self.metrics.connectionClosed() }
        guard accepted.add(1, ordering: .relaxed).newValue <= loop.limits.connections else {
            accepted.subtract(1, ordering: .relaxed)
            return .refused(.tooMany("the host has too many connections"), loop)
        }
        channel.closeFuture.whenComplete { _ in self.accepted.subtract(1, ordering: .relaxed) }
        let slot = slot(of: channel)
        guard rate.take() else { return .refused(.tooMany("too many clients connect at once"), loop) }
        guard slot?.isRefused != true else { return .refused(.tooManyOfAddress, loop) }
        return .served(ConnectionGate(connections: self, loop: loop, slot: slot))
    }

    /// The connection's slot among those of its address; a trusted proxy's is taken when a request says whose it is.
    private func slot(of channel: any Channel) -> AddressSlot? {
        guard let peer = channel.remoteAddress?.ipAddress.flatMap(IPAddress.init) else { return nil }
        let slot = AddressSlot(slots)
        let bound = NIOLoopBound(slot, eventLoop: channel.eventLoop)
        channel.closeFuture.whenComplete { _ in bound.value.leave() }
        if !proxies.trusts(peer) { slot.take(for: peer) }
        return slot
    }

    /// Serves something else from the next message on, also on connections that are open.
    ///
    /// - Parameters:
    ///   - limits: Those of connections, where they are others: for open ones, too.
    ///   - review: Which clients stay, where authentication has changed.
    func serve(_ routes: HostRoutes, limits: HostLimits? = nil, after review: AccessReview? = nil) async {
        if let limits {
            rate.change(perSecond: limits.connectsPerSecond)
            slots.limit = limits.connectionsPerAddress
        }
        await onEachLoop { loop in
            loop.routes = routes
            if let limits { loop.limits = limits }
        }
        if let review { await enforce(review, with: routes.kept) }
        guard let limits else { return }
        routes.kept.sessions.change(limit: limits.outbound.bytes)
        await routes.kept.budget.change(limit: limits.kept.bytes)
        await visit { $0.limitsChanged() }
    }

    /// Ends what those have who may not be here any more, on all event loops before the first of them is closed: one may be
    /// told at one of them what it asked for at another.
    func enforce(_ review: AccessReview, with kept: Kept) async {
        if review.looksAtTokens {
            let shown = Mutex(kept.credentials)
            await visit { connection in
                if let credential = connection.credential { shown.withLock { $0.append(credential) } }
            }
            // Here nobody waits for it.
            for credential in shown.withLock(\.self) { _ = review.admits(credential) }
        }
        kept.answers.dropWaiters(unless: review)
        await visit { $0.cancel(unless: review) }
        kept.forget(unless: review)
        await visit { $0.closeIfCancelled() }
    }

    /// Does something with everything that is open, without keeping event loops from their clients for long.
    private func visit(_ body: @escaping @Sendable (any OpenConnection) -> Void) async {
        for eventLoop in eventLoops {
            guard let loop = loops[ObjectIdentifier(eventLoop)] else { continue }
            try? await eventLoop.flatSubmit { loop.value.visit(body) }.get()
        }
    }

    /// Takes no new client any more.
    func refuseClients() { stopping.store(true, ordering: .relaxed) }

    /// Lets every conversation end what it has received and say goodbye. Returns once all have, or the time is over.
    func drain(until deadline: ContinuousClock.Instant) async {
        let time = max(.zero, deadline - .now)
        await onEachLoop { $0.drain(within: time) }
        while ContinuousClock.now < deadline, await openConversations > 0 {
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Ends every conversation that is left as it is.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() async -> Int {
        let unbegun = Mutex(0)
        await onEachLoop { loop in
            let count = loop.stop()
            unbegun.withLock { $0 += count }
        }
        return unbegun.withLock(\.self)
    }

    private var openConversations: Int {
        get async {
            var count = 0
            for eventLoop in eventLoops {
                let loop = loops[ObjectIdentifier(eventLoop)]
                count += (try? await eventLoop.submit { loop?.value.count ?? 0 }.get()) ?? 0
            }
            return count
        }
    }

    private func onEachLoop(_ body: @escaping @Sendable (LoopConnections) -> Void) async {
        for eventLoop in eventLoops {
            guard let loop = loops[ObjectIdentifier(eventLoop)] else { continue }
            try? await eventLoop.submit { body(loop.value) }.get()
        }
    }
}
