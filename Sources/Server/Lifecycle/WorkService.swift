import Glibc
package import Logging
import NIOCore
import NIOPosix
import Pipeline
import ServiceLifecycle
import UnixSignals

/// Works on what waits in the shared queues of pipelines until it is told to stop, and serves no clients.
package struct WorkService: Service {
    private let pipelines: [ServedPipeline]
    private let settings: HostSettings
    private let host: String
    private let port: Int?
    private let logger: Logger
    private let metrics: PrometheusMetrics
    private let exporter: OTLPExporter?
    private let announce: @Sendable (String) -> Void
    private let watchStop: @Sendable (AwaitedWork?) -> Void

    /// How long one look at whether it is ready takes.
    private static let patience = Duration.milliseconds(500)

    /// - Parameters:
    ///   - settings: Of these, who may see the metrics and how long a stop may take.
    ///   - port: Where `/readyz` and `/metrics` are; `nil` where nobody asks for them.
    ///   - metrics: What `/metrics` shows.
    ///   - exporter: Sends traces, where that is wanted.
    ///   - announce: Takes the lines that say that it works, and where its pages are.
    ///   - watchStop: Is told ten times a second what a stop still waits for; `nil` once it waits for nothing.
    package init(
        _ pipelines: [ServedPipeline], settings: HostSettings, host: String, port: Int?, logger: Logger,
        metrics: PrometheusMetrics, exporter: OTLPExporter?, announce: @escaping @Sendable (String) -> Void,
        watchStop: @escaping @Sendable (AwaitedWork?) -> Void
    ) {
        (self.pipelines, self.settings, self.host, self.port) = (pipelines, settings, host, port)
        (self.logger, self.metrics, self.exporter, self.announce) = (logger, metrics, exporter, announce)
        self.watchStop = watchStop
    }

    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        ProcessLimits.makeFailedWritesErrors()
        ExclusivityChecks.end()
        try await open()
        let channel: (any Channel)?
        do {
            channel = try await listen(on: group)
        } catch {
            for pipeline in pipelines.reversed() { await pipeline.chain.close(within: .zero) }
            throw error
        }
        let exporting = exporter.map { exporter in Task { await exporter.run() } }
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let explaining = Task {
            for await _ in signals { logger.notice("A worker reads its files when it is started again") }
        }
        let starting = Task { await announceOnceReady(channel) }
        try? await gracefulShutdown()
        logger.info("Stopping")
        ServiceManager.stopping()
        starting.cancel()
        explaining.cancel()
        let impatient = Task { await SecondSignal.wait(logger) }
        let deadline = ContinuousClock.now + settings.drain
        let watching = Task { await sayWhatIsAwaited(until: deadline) }
        let losses = await close(by: deadline)
        watching.cancel()
        await watching.value
        try? await channel?.close()
        await exporter?.finish(exporting, until: .now + .seconds(1))
        impatient.cancel()
        try await group.shutdownGracefully()
        guard losses.isEmpty else { throw losses }
        logger.info("Stopped")
    }

    private func open() async throws {
        for (index, pipeline) in pipelines.enumerated() {
            do {
                try await pipeline.chain.openForWork()
            } catch {
                for opened in pipelines[..<index].reversed() { await opened.chain.close(within: .zero) }
                throw ServeError(description: "pipeline '\(pipeline.name)' can't start: \(error)")
            }
        }
    }

    /// Says what is waited for, until the task is cancelled.
    private func sayWhatIsAwaited(until deadline: ContinuousClock.Instant) async {
        await AwaitedWork.watch(watchStop) {
            let queues = pipelines.flatMap(\.chain.queues)
            let running = queues.reduce(0) { $0 + $1.running }
            return AwaitedWork(
                connections: 0, running: running, waiting: queues.reduce(0) { $0 + $1.awaited } - running,
                left: max(.zero, deadline - .now))
        }
    }

    private func close(by deadline: ContinuousClock.Instant) async -> Losses {
        let work = deadline - min(settings.drain * 0.1, .milliseconds(250))
        var losses = Losses()
        await withTaskGroup(of: (String, [String: Int]).self) { group in
            for pipeline in pipelines {
                group.addTask { (pipeline.name, await pipeline.chain.close(workingUntil: work, by: deadline)) }
            }
            for await (name, lost) in group { losses.add(lost, of: name) }
        }
        return losses
    }

    /// Says that it works once it has its share of every queue: where NATS is away that is once it is there.
    private func announceOnceReady(_ channel: (any Channel)?) async {
        for queue in pipelines.flatMap(\.chain.sharedSteps).compactMap(\.background?.shared) {
            while !(await queue.waitUntilWorking(within: WorkService.patience)) {
                if Task.isCancelled { return }
            }
        }
        let text = announcement
        announce(text)
        if let port = channel?.localAddress?.port {
            announce("listening on http://\(host.contains(":") ? "[\(host)]" : host):\(port)")
        }
        ServiceManager.ready(text)
    }

    /// The queues by their names, and the stages behind each.
    private var announcement: String {
        var queues: [(name: String, labels: [String])] = []
        for pipeline in pipelines {
            for step in pipeline.chain.sharedSteps {
                let name = step.queueName ?? "queue"
                let label = pipelines.count == 1 ? step.label : "\(pipeline.name)/\(step.label)"
                if let index = queues.firstIndex(where: { $0.name == name }) {
                    queues[index].labels.append(label)
                } else {
                    queues.append((name, [label]))
                }
            }
        }
        return "working on " + queues.map { "\($0.name): \($0.labels.joined(separator: ", "))" }.joined(separator: "; ")
    }

    private func listen(on group: MultiThreadedEventLoopGroup) async throws -> (any Channel)? {
        guard let port else { return nil }
        let access = AccessRules(
            isLoopback: ListenAddress(host).isLoopback, isEncrypted: false, origins: [],
            proxies: TrustedProxies(ranges: []))
        var rules = AdmissionRules(pipelines: pipelines, access: access, authenticator: nil)
        rules.servesClients = false
        // Who may see them by a key can't be told here: there is nobody to ask for one.
        let routes = HostRoutes(
            rules: rules, metrics: settings.metrics == .open ? .open : .loopback, meters: metrics)
        let connections = try await Connections(
            group: group, limits: settings.limits.withinDescriptors, proxies: TrustedProxies(ranges: []), routes: routes
        )
        do {
            return try await HostServer(connections: connections, certificates: nil, logger: logger)
                .bind(group: group, host: host, port: port)
        } catch {
            throw ServeError(description: ListenProblem(host: host, port: port, error: error).description)
        }
    }
}
