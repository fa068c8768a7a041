package import NIOCore
import Pipeline
import WebSocketCodec

/// The conversations of one event loop, which share its executor and its ticks.
package final class LoopConnections {
    let executor: EventLoopTaskExecutor
    let metrics: HostMetrics
    // Touched on the event loop alone; see Conversation.
    @exclusivity(unchecked) private var unflushed: [any GatheringConnection] = []
    /// WebSockets that have answered what they have just read.
    @exclusivity(unchecked) private var answered: [any GatheringConnection] = []
    private var willFlush = false
    private var isFlushing = false
    /// So many answers are sent together. What was touched to make them is then still in the processor's cache, which it is
    /// not where a thousand connections are read before the first is sent to.
    private static let flushed = 16
    /// Bytes of one connection that are gathered for its flush; past that it leaves at once.
    static let maxGathered = 16 << 10
    private var webSockets: [ObjectIdentifier: any WebSocketConnection] = [:]
    /// Messages that came by HTTP, and conversations that go on without their clients.
    private var unfinished: [ObjectIdentifier: any UnfinishedWork] = [:]
    /// Connections whose clients are not in yet, or speak HTTP.
    private var strangers: [ObjectIdentifier: any OpenConnection] = [:]
    private let pipelines: [LoopPipeline]
    let frameBuffers = FrameBuffers()
    let readBuffer = SharedReads.Buffer()
    private(set) lazy var sharedReads = SharedReads(readBuffer, on: executor.eventLoop)
    private var sockets: ReadableSockets?
    private var fewest = 0
    /// Where sockets are read past their channels.
    var readableSockets: ReadableSockets? { webSockets.count < fewest ? nil : sockets }
    /// Whether connections end with what they have received.
    private(set) var isDraining = false
    /// Those who have sent more than their share of a turn; and more than they may.
    let busy, offenders: TurnScheduler
    /// When messages are begun.
    let messageTurns: MessageTurns
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
            eventLoop, limits: limits, routes: HostRoutes(rules: AdmissionRules(pipelines: [], access: access)),
            metrics: HostMetrics())
    }

    /// - Parameter maxRefused: Connections past a limit that are told so at the same time.
    init(
        _ eventLoop: any EventLoop, limits: HostLimits, routes: HostRoutes, metrics: HostMetrics, maxRefused: Int = 8
    ) {
        refused = RefusedConnections(limit: maxRefused)
        self.limits = limits
        writeLimit = limits.write > .zero ? limits.write : nil
        self.routes = routes
        self.metrics = metrics
        pipelines = routes.pipelines.map(LoopPipeline.init)
        executor = EventLoopTaskExecutor(eventLoop)
        busy = .forBusy(on: eventLoop)
        offenders = .forOffenders(on: eventLoop)
        messageTurns = MessageTurns(on: eventLoop)
    }

    /// Has messages begun in turns, and sockets read past their channels, where the event loop lets it. On the loop's thread,
    /// and at the start: what a host holds does not depend on which loops its clients happen to be on.
    ///
    /// - Parameter fewest: So many WebSockets have theirs read so. With fewer what the loop does for it costs more than it
    ///   spares.
    package func open(readingSocketsOf fewest: Int = 32) {
        self.fewest = fewest
        messageTurns.open()
        sockets = ReadableSockets.open(on: executor.eventLoop, turns: messageTurns)
    }

    /// What is served of a pipeline's file from now on.
    func pipeline(_ pipeline: ServedPipeline) -> LoopPipeline { pipelines[pipeline.index] }

    /// WebSockets, messages that came by HTTP, and conversations that go on without their clients.
    var count: Int { webSockets.count + unfinished.count }

    func add(stranger: some OpenConnection) { strangers[ObjectIdentifier(stranger)] = stranger }

    func remove(stranger: some OpenConnection) { strangers[ObjectIdentifier(stranger)] = nil }

    func add(work: some UnfinishedWork) { unfinished[ObjectIdentifier(work)] = work }

    func remove(work: some UnfinishedWork) { unfinished[ObjectIdentifier(work)] = nil }

    func add(webSocket: some WebSocketConnection) {
        webSockets[ObjectIdentifier(webSocket)] = webSocket
        if ticks == nil { tickRegularly() }
    }

    func remove(webSocket: some WebSocketConnection) {
        webSockets[ObjectIdentifier(webSocket)] = nil
        guard webSockets.isEmpty else { return }
        ticks?.cancel()
        ticks = nil
        noteInbound(0)
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
        for connection in webSockets.values { open.append(connection) }
        for work in unfinished.values { open.append(work) }
        let visit = Visit(open, on: executor.eventLoop, in: busy, body)
        visit.resume()
        return visit.end
    }

    /// Flushes a connection's frames after the other connections that can be read have been: a client that is woken by the
    /// first of several finds the others, too.
    func flushSoon(_ connection: some GatheringConnection) {
        unflushed.append(connection)
        flushLater()
    }

    /// Flushes a WebSocket's answers after a few other connections that can be read have been.
    func flushAnswers(of connection: some GatheringConnection) {
        answered.append(connection)
        if answered.count >= LoopConnections.flushed { flushAnswered() } else { flushLater() }
    }

    private func flushLater() {
        guard !willFlush else { return }
        willFlush = true
        let loop = NIOLoopBound(self, eventLoop: executor.eventLoop)
        executor.eventLoop.execute { loop.value.flush() }
    }

    /// Lets a connection go on with what its client sends once others have had their turn.
    ///
    /// - Parameter offends: Whether the client sends more than it may.
    func resumeLater(_ connection: some TurnTaker, offends: Bool) { (offends ? offenders : busy).add(connection) }

    private func flush() {
        willFlush = false
        flushAnswered()
        let connections = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for connection in connections { connection.flush() }
    }

    private func flushAnswered() {
        guard !isFlushing else { return }
        isFlushing = true
        let count = answered.count
        // By their indices: a copy would be made for each few.
        for index in 0..<count { answered[index].flush() }
        answered.removeFirst(count)
        isFlushing = false
        if !answered.isEmpty { flushLater() }
    }

    /// Lets everything that was begun end. Who takes nothing of its answer is not waited for longer than a quarter of the
    /// time that the stop may take.
    func drain(within time: Duration) {
        isDraining = true
        writeLimit = min(writeLimit ?? time / 4, time / 4)
        for connection in webSockets.values { connection.drain() }
        for stranger in strangers.values { stranger.drain() }
    }

    /// Ends everything, whatever is in flight.
    ///
    /// - Returns: How many messages had not been begun.
    func stop() -> Int {
        webSockets.values.reduce(0) { $0 + $1.stop() } + unfinished.values.reduce(0) { $0 + $1.stop() }
    }

    private func tick() {
        let now = NIODeadline.now()
        var inbound = 0
        for connection in webSockets.values {
            connection.tick(at: now)
            inbound += connection.inboundBytes
        }
        noteInbound(inbound)
    }

    private func noteInbound(_ bytes: Int) {
        if bytes != inbound { metrics.inboundChanged(by: bytes - inbound) }
        inbound = bytes
    }
}
