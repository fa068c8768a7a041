package import NIOCore
import Pipeline

/// The conversations of one event loop, which share its executor and its ticks.
package final class LoopConnections {
    let executor: EventLoopTaskExecutor
    let metrics: HostMetrics
    // Touched on the event loop alone; see Conversation.
    @exclusivity(unchecked) private var handlers: [ObjectIdentifier: WebSocketHandler] = [:]
    @exclusivity(unchecked) private var unflushed: [WebSocketHandler] = []
    @exclusivity(unchecked) private var exchanges: [ObjectIdentifier: HTTPExchange] = [:]
    /// Connections whose clients are not in yet, or speak HTTP.
    @exclusivity(unchecked) private var strangers: [ObjectIdentifier: any OpenConnection] = [:]
    @exclusivity(unchecked) private var left: [ObjectIdentifier: ConversationKeeper] = [:]
    private let pipelines: [LoopPipeline]
    /// Whether connections end with what they have received.
    private(set) var isDraining = false
    /// Those who have sent more than their share of a turn; and more than they may.
    let busy, offenders: Rounds
    /// Connections past a limit that are being told so.
    let refused: RefusedConnections
    /// How long a client may take nothing of what waits for it; `nil` where that is not limited.
    private(set) var writeLimit: Duration?
    /// How often it is looked at what a client takes.
    var lookInterval: TimeAmount {
        TimeAmount(min(max((writeLimit ?? .seconds(4)) / 4, .milliseconds(10)), .seconds(1)))
    }
    private var ticks: RepeatedTask?
    /// Bytes that had come and waited when they were last counted.
    private var inbound = 0

    /// What is served.
    var routes: HostRoutes {
        didSet {
            for pipeline in routes.pipelines { pipelines[pipeline.index].current = pipeline }
        }
    }

    /// What a client may take of the host now. Whoever is open hears of a change by ``visit(_:)``.
    var limits: HostLimits {
        didSet {
            limitsVersion += 1
            if !isDraining { writeLimit = limits.write > .zero ? limits.write : nil }
            if ticks != nil { tickRegularly() }
        }
    }

    /// How often they have changed.
    private(set) var limitsVersion = 0

    /// A loop whose connections have no pipelines.
    package convenience init(_ eventLoop: any EventLoop, limits: HostLimits) {
        let access = AccessRules(
            isLoopback: true, isEncrypted: false, origins: [], proxies: TrustedProxies(ranges: []))
        self.init(
            eventLoop, limits: limits, routes: HostRoutes(pipelines: [], access: access), metrics: HostMetrics())
    }

    /// - Parameter mostRefused: Connections past a limit that are told so at the same time.
    init(
        _ eventLoop: any EventLoop, limits: HostLimits, routes: HostRoutes, metrics: HostMetrics, mostRefused: Int = 8
    ) {
        refused = RefusedConnections(limit: mostRefused)
        self.limits = limits
        writeLimit = limits.write > .zero ? limits.write : nil
        self.routes = routes
        self.metrics = metrics
        pipelines = routes.pipelines.map(LoopPipeline.init)
        executor = EventLoopTaskExecutor(eventLoop)
        busy = .forBusy(on: eventLoop)
        offenders = .forOffenders(on: eventLoop)
    }

    /// What is served of a pipeline's file from now on.
    func pipeline(_ pipeline: ServedPipeline) -> LoopPipeline { pipelines[pipeline.index] }

    /// Connections, messages that came by HTTP, and conversations that go on without theirs.
    var count: Int { handlers.count + exchanges.count + left.count }

    /// Keeps a conversation whose client has left until its last message has ended.
    func keep(_ conversation: Conversation, of key: SessionKey, for retained: RetainedSession? = nil) {
        let keeper = ConversationKeeper(conversation, self, retained: retained)
        left[ObjectIdentifier(keeper)] = keeper
        routes.kept.unattended.add(
            NIOLoopBound(keeper, eventLoop: executor.eventLoop), of: key, userID: conversation.session.userID,
            bytes: conversation.allocated)
        conversation.goOn(with: keeper)
    }

    func add(_ stranger: some OpenConnection) { strangers[ObjectIdentifier(stranger)] = stranger }

    func remove(_ stranger: some OpenConnection) { strangers[ObjectIdentifier(stranger)] = nil }

    func add(_ exchange: HTTPExchange) {
        exchanges[ObjectIdentifier(exchange)] = exchange
    }

    func remove(_ exchange: HTTPExchange) {
        exchanges[ObjectIdentifier(exchange)] = nil
    }

    func remove(_ keeper: ConversationKeeper) {
        left[ObjectIdentifier(keeper)] = nil
        routes.kept.unattended.remove(keeper)
    }

    func add(_ handler: WebSocketHandler) {
        handlers[ObjectIdentifier(handler)] = handler
        if ticks == nil { tickRegularly() }
    }

    private func tickRegularly() {
        ticks?.cancel()
        // A quarter of the shortest limit keeps every limit within that of its value.
        let shortest = [limits.ping, limits.idle, limits.lifetime].filter { $0 > .zero }.min()
        let period = TimeAmount(min(max((shortest ?? .seconds(4)) / 4, .milliseconds(10)), .seconds(1)))
        let bound = NIOLoopBound(self, eventLoop: executor.eventLoop)
        ticks = executor.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in bound.value.tick() }
    }

    /// Does something with everything that is open, in turn with clients that have sent more than their share, so that
    /// nobody waits for it. Connections that come meanwhile are not among them.
    func visit(_ body: @escaping (any OpenConnection) -> Void) -> EventLoopFuture<Void> {
        var open = Array(strangers.values)
        for handler in handlers.values { open.append(handler) }
        for exchange in exchanges.values { open.append(exchange) }
        for keeper in left.values { open.append(keeper) }
        let visit = Visit(open, on: executor.eventLoop, in: busy, body)
        visit.goOn()
        return visit.end
    }

    func remove(_ handler: WebSocketHandler) {
        handlers[ObjectIdentifier(handler)] = nil
        guard handlers.isEmpty else { return }
        ticks?.cancel()
        ticks = nil
        noteInbound(0)
    }

    /// Flushes a handler's frames after the other connections that can be read have been.
    func flushSoon(_ handler: WebSocketHandler) {
        unflushed.append(handler)
        guard unflushed.count == 1 else { return }
        let loop = NIOLoopBound(self, eventLoop: executor.eventLoop)
        executor.eventLoop.execute { loop.value.flush() }
    }

    /// Lets a handler go on with what its client sends once others have had their turn.
    ///
    /// - Parameter offends: Whether the client sends more than it may.
    func goOnLater(_ connection: some TurnTaker, offends: Bool) { (offends ? offenders : busy).add(connection) }

    private func flush() {
        let handlers = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for handler in handlers { handler.flush() }
    }

    /// Lets everything that was begun end. Who takes nothing of its answer is not waited for longer than a quarter of the
    /// time that the stop may take.
    func drain(within time: Duration) {
        isDraining = true
        writeLimit = min(writeLimit ?? time / 4, time / 4)
        for handler in handlers.values { handler.drain() }
    }

    /// Ends everything, whatever is in flight.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() -> Int {
        handlers.values.reduce(0) { $0 + $1.stop() } + exchanges.values.reduce(0) { $0 + $1.stop() }
            + left.values.reduce(0) { $0 + $1.stop() }
    }

    private func tick() {
        let now = NIODeadline.now()
        var inbound = 0
        for handler in handlers.values {
            handler.tick(at: now)
            inbound += handler.inboundBytes
        }
        noteInbound(inbound)
    }

    private func noteInbound(_ bytes: Int) {
        if bytes != inbound { metrics.inboundChanged(by: bytes - inbound) }
        inbound = bytes
    }
}
