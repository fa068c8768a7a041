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

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be between 0 and 65535.") }
    }

    func run() async throws {
        LogOutput.bootstrap()
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(
            Host.metrics.map { MultiplexMetricsHandler(factories: [metrics, $0]) } ?? metrics)
        let exporter = try traceExporter()
        let files = try pipelines.loadGood(for: Host.self)
        guard ListenAddress(host).isLoopback || insecure else {
            StandardError.write(
                "error: without authentication the host listens on loopback only; --insecure lets anyone in at \(host)")
            throw ExitCode.failure
        }
        let logger = Logger(label: "stagecoach")
        let service = HostService(
            pipelines: files.compactMap(ServedPipeline.init),
            settings: files.lazy.compactMap { $0.sections["host"] as? HostSettings }.first ?? HostSettings(),
            host: host, port: port, logger: logger, metrics: metrics,
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
