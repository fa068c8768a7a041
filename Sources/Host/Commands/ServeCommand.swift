import ArgumentParser
import CoreMetrics
import Foundation
import Logging
import Pipeline
import ServiceLifecycle
import Tracing
import UnixSignals

struct ServeCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "serve", abstract: "Serve pipelines over WebSocket.")
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 picks a free one.")
    var port = 8080

    @Flag(help: "Listen on an address that others can reach, without authentication.")
    var insecure = false

    @Flag(
        help: "Read the files again when they have changed, as SIGHUP does: the next message goes through what is new.")
    var watch = false

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be between 0 and 65535.") }
    }

    func run() async throws {
        LogOutput.bootstrap()
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(
            Host.metrics.map { MultiplexMetricsHandler(factories: [metrics, $0]) } ?? metrics)
        let exporter = try traceExporter()
        let files = try PipelineArguments.good(await HostFiles.check(try pipelines.load(for: Host.self)))
        let settings = files.lazy.compactMap { $0.sections["host"] as? HostSettings }.first ?? HostSettings()
        let isLoopback = ListenAddress(host).isLoopback
        guard isLoopback || insecure || settings.auth.credentials != nil else {
            StandardError.write(
                "error: without authentication the host listens on loopback only; --insecure lets anyone in at \(host)")
            throw ExitCode.failure
        }
        let logger = Logger(label: "stagecoach")
        if !isLoopback, settings.tls == nil, settings.trustedProxies.isEmpty {
            logger.warning(
                "Without TLS all that is said can be read on the way, keys and tokens too; see host: {tls: …}")
        }
        let service = HostService(
            pipelines: files.enumerated().compactMap { ServedPipeline($1, index: $0) },
            source: try pipelines.source(of: files, for: Host.self), watches: watch, settings: settings,
            credentials: try await credentials(settings), host: host, port: port, logger: logger, metrics: metrics,
            exporter: exporter)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: LogOutput.quiet))
        do {
            try await group.run()
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    /// The files were good a moment ago; if they aren't now, that is said without their place.
    private func credentials(_ settings: HostSettings) async throws -> HostCredentials {
        do throws(FileProblem) {
            return try await HostCredentials(settings)
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    /// Sends traces where the environment says so, unless this host's own tracer does.
    private func traceExporter() throws -> OTLPExporter? {
        if let tracer = Host.tracer {
            InstrumentationSystem.bootstrap(tracer)
            return nil
        }
        do throws(ServeError) {
            guard let settings = try OTLPSettings(environment: ProcessInfo.processInfo.environment) else { return nil }
            let buffer = SpanBuffer(capacity: settings.capacity)
            InstrumentationSystem.bootstrap(OTLPTracer(buffer: buffer, ratio: settings.ratio))
            return OTLPExporter(settings, buffer, logger: Logger(label: "stagecoach"))
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }
}
