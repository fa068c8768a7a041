import Glibc
import Logging
import NIOCore
import NIOPosix
import Pipeline
import ServiceLifecycle
import UnixSignals

/// Serves pipelines until it is told to stop: opens them, listens, drains, closes them.
struct HostService: Service {
    let pipelines: [ServedPipeline]
    let settings: HostSettings
    let host: String
    let port: Int
    let logger: Logger
    let metrics: PrometheusMetrics
    let exporter: OTLPExporter?

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: ProcessLimits.processors)
        ProcessLimits.makeFailedWritesErrors()
        ProcessLimits.keepFreedMemory()
        let connections = try await Connections(group: group, limits: limits)
        try await open()
        let channel: any Channel
        do {
            channel = try await server(connections).bind(group: group, host: host, port: port)
        } catch {
            await close(until: .now)
            throw ServeError(description: "can't listen on \(host):\(port): \(error)")
        }
        let exporting = exporter.map { exporter in Task { await exporter.run() } }
        announce(channel)
        try? await gracefulShutdown()
        logger.info("Stopping")
        let impatient = Task { await exitAtSecondSignal() }
        let deadline = ContinuousClock.now + settings.drain
        try? await channel.close()
        await connections.drain(within: settings.drain)
        await close(until: deadline)
        await exporter?.finish(exporting)
        impatient.cancel()
        try await group.shutdownGracefully()
        logger.info("Stopped")
    }

    /// The limits of the file, with no more connections than half of what the process may open: stages need files too.
    private var limits: HostLimits {
        var limits = settings.limits
        limits.connections = min(limits.connections, ProcessLimits.raiseOpenFiles() / 2)
        return limits
    }

    private func server(_ connections: Connections) -> HostServer {
        let access = AccessRules(isLoopback: ListenAddress(host).isLoopback, origins: settings.origins)
        let routes = HostRoutes(pipelines: pipelines, access: access, metrics: metrics)
        return HostServer(routes: routes, connections: connections, limits: limits, logger: logger)
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

    private func close(until deadline: ContinuousClock.Instant) async {
        for pipeline in pipelines.reversed() {
            await pipeline.chain.close(within: max(.zero, deadline - .now))
        }
    }

    /// The one line on standard output: it says that clients may come.
    private func announce(_ channel: any Channel) {
        let port = channel.localAddress?.port ?? port
        let authority = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        let places = pipelines.map { "pipeline \($0.name) at ws://\(authority)\($0.path)" }
        print("listening on http://\(authority), \(places.joined(separator: ", "))")
        fflush(nil)
    }

    private func exitAtSecondSignal() async {
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            logger.warning("Stopped at a second signal; what was in flight is lost")
            exit(1)
        }
    }
}

/// Why the host can't serve.
struct ServeError: Error, CustomStringConvertible {
    let description: String
}
