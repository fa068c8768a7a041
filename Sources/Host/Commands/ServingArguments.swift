import ArgumentParser
import CoreMetrics
import Foundation
import Logging
import Pipeline
import ServiceLifecycle
import Tracing
import UnixSignals
import Server

/// What every command that serves clients takes, and the serving of them.
struct ServingArguments: ParsableArguments {
    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 picks a free one.")
    var port = 8080

    @Flag(help: "Listen on an address that others can reach, without authentication.")
    var insecure = false

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be between 0 and 65535.") }
        let parts = host.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, let port = Int(parts[1]) {
            throw ValidationError("--host takes an address alone; write --host \(parts[0]) --port \(port).")
        }
    }

    /// Reads the files, and serves them until the process is told to stop.
    ///
    /// - Parameters:
    ///   - watches: Whether files are read again when they have changed.
    ///   - leavesShared: Whether what waits in queues that several processes share is left to the others.
    ///   - recorder: What takes down what is said.
    ///   - progress: What says how far it is until it is told to stop.
    ///   - announce: Takes the line that says where the host listens.
    /// - Throws: `ExitCode.failure` where they can't be served, or something was lost.
    func serve<Host: StagecoachHost>(
        _ pipelines: PipelineArguments, as host: Host.Type, watches: Bool = false, leavesShared: Bool = false,
        recorder: Recorder? = nil, progress: Progress? = nil, announce: @escaping @Sendable (String) -> Void
    ) async throws {
        LogOutput.bootstrap()
        // 'record' is about the one file that is named.
        let pipelines = recorder == nil ? try pipelines.withChains(of: host, beside: true) : pipelines
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(
            Host.metrics.map { MultiplexMetricsHandler(factories: [metrics, $0]) } ?? metrics)
        let exporter = try ServingArguments.traceExporter(of: host)
        let wrapping = recorder?.wrapping
        let variables = FormerEnvironment()
        let loaded = try pipelines.load(for: host, variables: variables, wrapping: wrapping)
        let environment = Environment.load(envFile: pipelines.envFile).environment
        let checked = MissingSecrets.check(HostFiles.check(loaded), knowing: environment)
        let logger = Logger(label: "stagecoach")
        if checked.contains(where: \.hasErrors) { _ = try PipelineArguments.good(checked) }
        let files = checked.compactMap(\.file)
        let settings = HostSettings.of(files)
        if leavesShared { for file in files { file.chain.leaveSharedQueues() } }
        ServingArguments.sayVersion(of: host, logger)
        LogOutput.sayUnknownLevel(logger)
        say(checked, logger)
        try checkAddress(with: settings, logger)
        let stop = StopProgress(after: progress)
        let service = HostService(
            files.enumerated().compactMap { ServedPipeline($1, index: $0, observer: recorder) },
            from: try pipelines.source(of: files, for: host, variables: variables, wrapping: wrapping),
            watches: watches, settings: settings, credentials: try credentials(settings), host: self.host,
            port: port, isInsecure: insecure, logger: logger, metrics: metrics, exporter: exporter, announce: announce,
            watchStop: { stop.update($0) })
        try await ServingArguments.run(service)
    }

    /// Runs a service until the process is told to stop.
    ///
    /// - Throws: `ExitCode.failure`, after saying why.
    static func run(_ service: some Service) async throws {
        let group = ServiceGroup(
            configuration: .init(
                // Without a name it would be a description of the service, of everything that is served in it.
                services: [
                    .init(
                        service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                        serviceName: "stagecoach")
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: LogOutput.quiet))
        do {
            try await group.run()
        } catch {
            LogOutput.end()
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    /// Which version runs is the first entry of the log, and a metric.
    static func sayVersion<Host: StagecoachHost>(of host: Host.Type, _ logger: Logger) {
        let (version, commit) = (ProgramVersion.number, Host.commit)
        logger.info("Starting", metadata: ["version": "\(version)", "commit": "\(commit)"])
        MetricsSystem.factory
            .makeMeter(label: HostMetric.buildInfo.rawValue, dimensions: [("version", version), ("commit", commit)])
            .set(Int64(1))
    }

    /// What works and is probably not meant is part of the log.
    private func say(_ loaded: [LoadedPipeline], _ logger: Logger) {
        for diagnostic in loaded.flatMap(\.diagnostics) {
            let text = DiagnosticFormatter.text(diagnostic, source: nil)
            logger.log(level: diagnostic.severity == .warning ? .warning : .debug, "\(text)")
        }
    }

    private func checkAddress(with settings: HostSettings, _ logger: Logger) throws {
        guard AddressRule(address: host, isInsecure: insecure).allows(settings) else {
            StandardError.write(
                "error: without authentication the host listens on loopback only; write host: {auth: …} into the file, "
                    + "or let anyone in at \(host) with --insecure")
            throw ExitCode.failure
        }
        if !ListenAddress(host).isLoopback, settings.isUnencrypted {
            logger.warning(
                "Without TLS everything can be read on the way, keys and tokens too; see host: {tls: …}")
        }
    }

    /// The files were good a moment ago; if they aren't now, that is said without a position.
    private func credentials(_ settings: HostSettings) throws -> HostCredentials {
        do throws(Server.FileProblem) {
            return try HostCredentials(settings)
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    /// Sends traces where the environment says so, unless this host's own tracer does.
    static func traceExporter<Host: StagecoachHost>(of host: Host.Type) throws -> OTLPExporter? {
        if let tracer = Host.tracer {
            InstrumentationSystem.bootstrap(tracer)
            return nil
        }
        do throws(ServeError) {
            return try OTLPExporter.bootstrap(environment: ProcessInfo.processInfo.environment)
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }
}
