package import Logging
import NIOCore
import NIOPosix
import Pipeline
import ServiceLifecycle
import UnixSignals

/// Serves pipelines until it is told to stop: opens them, listens, reads them again when told to, drains, closes them.
package struct HostService: Service {
    private let pipelines: [ServedPipeline]
    private let source: PipelineSource
    private let watches: Bool
    private let settings: HostSettings
    private let credentials: HostCredentials
    private let host: String
    private let port: Int
    private let isInsecure: Bool
    private let logger: Logger
    private let metrics: PrometheusMetrics
    private let exporter: OTLPExporter?
    private let announce: @Sendable (String) -> Void
    private let watchStop: @Sendable (AwaitedWork?) -> Void

    /// - Parameters:
    ///   - source: Reads the pipelines' files again.
    ///   - watches: Whether they are read again when they have changed.
    ///   - credentials: What the settings name outside of their file.
    ///   - isInsecure: Whether an address that others can reach is served without authentication.
    ///   - metrics: What `/metrics` shows.
    ///   - exporter: Sends traces, where that is wanted.
    ///   - announce: Takes the one line that says where the host listens.
    ///   - watchStop: Is told ten times a second what a stop still waits for; `nil` once it waits for nothing.
    package init(
        _ pipelines: [ServedPipeline], from source: PipelineSource, watches: Bool, settings: HostSettings,
        credentials: HostCredentials, host: String, port: Int, isInsecure: Bool, logger: Logger,
        metrics: PrometheusMetrics, exporter: OTLPExporter?, announce: @escaping @Sendable (String) -> Void,
        watchStop: @escaping @Sendable (AwaitedWork?) -> Void = { _ in }
    ) {
        (self.pipelines, self.source, self.watches, self.settings) = (pipelines, source, watches, settings)
        (self.credentials, self.host, self.port, self.isInsecure) = (credentials, host, port, isInsecure)
        (self.logger, self.metrics, self.exporter, self.announce) = (logger, metrics, exporter, announce)
        self.watchStop = watchStop
    }

    package func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: ProcessLimits.processors)
        ProcessLimits.makeFailedWritesErrors()
        ExclusivityChecks.end()
        try await EventLoopCalls.run(on: group)
        let routes = routes
        let connections = try await Connections(
            group: group, limits: settings.limits.withinDescriptors, proxies: proxies, routes: routes,
            maxRefused: maxRefused)
        let issuerKeys = credentials.auth.authenticator?.issuerKeys
        issuerKeys?.start()
        try await open()
        do { try routes.share(limit: settings.limits.outbound.bytes, logger: logger) } catch {
            throw ServeError(description: "sessions can't be shared: other hosts can't be listened to")
        }
        await issuerKeys?.waitForAnswer(upTo: IssuerKeys.longestWait)
        let channel: any Channel
        do {
            channel = try await server(connections).bind(group: group, host: host, port: port)
        } catch {
            for pipeline in pipelines.reversed() { await pipeline.chain.close(within: .zero) }
            throw ServeError(description: ListenProblem(host: host, port: port, error: error).description)
        }
        let reloader = Reloader(
            source, routes: routes, connections: connections, settings: settings, credentials: credentials,
            address: AddressRule(address: host, isInsecure: isInsecure), logger: logger)
        let reloading = await reloadWhenTold(reloader)
        let tidying = Task { await giveBackMemory(of: connections, kept: routes.kept) }
        let exporting = exporter.map { exporter in Task { await exporter.run() } }
        announce(announcement(of: channel))
        ServiceManager.ready(announcement(of: channel))
        try? await gracefulShutdown()
        logger.info("Stopping")
        ServiceManager.stopping()
        let impatient = Task { await SecondSignal.wait(logger) }
        let deadline = ContinuousClock.now + settings.drain
        for task in reloading + [tidying] { task.cancel() }
        await reloader.stop()
        await reloader.routes.rules.authenticator?.issuerKeys?.stop()
        // A tenth is for what there is to close, such as programs to end.
        let work = deadline - min(settings.drain * 0.1, .milliseconds(250))
        let watching = Task { await sayWhatIsAwaited(of: connections, reloader, until: deadline) }
        let losses = await drain(connections, reloader, workingUntil: work, by: deadline)
        watching.cancel()
        await watching.value
        // Until here it has told who came that the host is stopping.
        try? await channel.close()
        await exporter?.finish(exporting, until: deadline)
        impatient.cancel()
        try await group.shutdownGracefully()
        guard losses.isEmpty else { throw losses }
        logger.info("Stopped")
    }

    /// Lets what has begun end: first the conversations, then stages that work on for clients who have left, then queues.
    private func drain(
        _ connections: Connections, _ reloader: Reloader, workingUntil deadline: ContinuousClock.Instant,
        by end: ContinuousClock.Instant
    ) async -> Losses {
        connections.refuseClients()
        await connections.drain(until: deadline)
        let pipelines = await reloader.routes.pipelines
        for pipeline in pipelines {
            try? await withTimeout(max(.zero, deadline - .now), orThrow: CancellationError()) {
                await pipeline.waitUntilIdle()
            }
        }
        let unfinished = pipelines.reduce(0) { $0 + $1.running }
        // Before they are given up: then they may end at once, and are lost all the same.
        let hanging = await reloader.waitForRetired(until: deadline)
        let unbegun = await connections.stop()
        // Every message has ended: what clients have missed goes to the hosts that stay.
        for shared in await reloader.routes.kept.shared.all { await shared.park(until: end) }
        var losses = await reloader.closeRetired(until: deadline, by: end)
        losses.unfinished = max(losses.unfinished, hanging) + unfinished
        losses.unbegun += unbegun
        await withTaskGroup(of: (String, [String: Int]).self) { group in
            for pipeline in pipelines {
                group.addTask { (pipeline.name, await pipeline.chain.close(workingUntil: deadline, by: end)) }
            }
            for await (name, lost) in group { losses.add(lost, of: name) }
        }
        return losses
    }

    /// Says what is waited for, until the task is cancelled.
    private func sayWhatIsAwaited(
        of connections: Connections, _ reloader: Reloader, until deadline: ContinuousClock.Instant
    ) async {
        await AwaitedWork.watch(watchStop) {
            let pipelines = await reloader.routes.pipelines
            return AwaitedWork(
                connections: connections.count.now, running: pipelines.reduce(0) { $0 + $1.running },
                waiting: pipelines.flatMap(\.chain.queues).reduce(0) { $0 + $1.awaited },
                left: max(.zero, deadline - .now))
        }
    }

    /// Connections past a limit that are told so at the same time: few, as they are more than half of what there is.
    private var maxRefused: Int { min(64, ProcessLimits.raiseOpenFiles() / 32) }

    private var proxies: TrustedProxies { TrustedProxies(ranges: settings.trustedProxies) }

    private func server(_ connections: Connections) -> HostServer {
        HostServer(connections: connections, certificates: credentials.certificates, logger: logger)
    }

    private var routes: HostRoutes {
        let access = AccessRules(
            isLoopback: ListenAddress(host).isLoopback, isEncrypted: credentials.certificates != nil,
            origins: settings.origins.map(\.text), proxies: proxies)
        let rules = AdmissionRules(
            pipelines: pipelines, access: access, authenticator: credentials.auth.authenticator,
            compression: settings.compression)
        return HostRoutes(
            rules: rules, metrics: settings.metrics, meters: metrics,
            kept: Kept(limit: settings.limits.kept.bytes), history: settings.history, console: settings.console,
            tap: settings.tap)
    }

    /// Opens every chain; where one fails those before it are closed again.
    private func open() async throws {
        for (index, pipeline) in pipelines.enumerated() {
            do {
                try await pipeline.chain.open()
            } catch {
                for opened in pipelines[..<index].reversed() { await opened.chain.close(within: .zero) }
                throw ServeError(description: "pipeline '\(pipeline.name)' can't start: \(error)")
            }
        }
    }

    /// Reads the files again at SIGHUP, and where `watches` says so after they have changed.
    private func reloadWhenTold(_ reloader: Reloader) async -> [Task<Void, Never>] {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let atSignal = Task {
            for await _ in signals { await reloader.reloadEverything() }
        }
        guard watches else { return [atSignal] }
        return [atSignal, Task { await FileWatch { await reloader.watched }.run { await reloader.reload() } }]
    }

    /// Lets go of what is kept for clients who have not come back. What a busy hour took is given back once everybody has
    /// left; while somebody is there it would soon be taken again.
    private func giveBackMemory(of connections: Connections, kept: Kept) async {
        var counted = connections.count.ever
        while true {
            do { try await Task.sleep(for: .seconds(5)) } catch { return }
            kept.sweep()
            let count = connections.count
            guard count.now == 0, count.ever != counted else { continue }
            ProcessLimits.giveBackFreedMemory()
            counted = count.ever
        }
    }

    /// The one line that says that clients may come, and where.
    private func announcement(of channel: any Channel) -> String {
        let port = channel.localAddress?.port ?? port
        let authority = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        let secure = credentials.certificates == nil ? "" : "s"
        let addresses = pipelines.map { "pipeline \($0.name) at ws\(secure)://\(authority)\($0.path)" }
        return "listening on http\(secure)://\(authority), \(addresses.joined(separator: ", "))"
    }
}
