import ArgumentParser
import CoreMetrics
import Foundation
import Logging
import Pipeline
import Server
import ServiceLifecycle
import UnixSignals

struct WorkCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "work", abstract: "Work on what waits in queues that hosts share, and serve no clients.",
            discussion: """
                It works on the stages behind a 'nats' queue. Start as many as it takes, on any machine: they share the \
                messages, and those of a session stay in order.
                """)
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(help: "The address for /readyz and /metrics.") var host = "127.0.0.1"

    @Option(help: "The port for /readyz and /metrics; 0 picks a free one. (default: they are not served)")
    var port: Int?

    func validate() throws {
        try pipelines.validate(for: Host.self)
        guard (0...65_535).contains(port ?? 0) else { throw ValidationError("--port must be between 0 and 65535.") }
    }

    func run() async throws {
        LogOutput.bootstrap()
        let metrics = PrometheusMetrics()
        MetricsSystem.bootstrap(Host.metrics.map { MultiplexMetricsHandler(factories: [metrics, $0]) } ?? metrics)
        let exporter = try ServingArguments.traceExporter(of: Host.self)
        let files = try PipelineArguments.good(pipelines.loadEach(for: Host.self))
        for file in files where file.chain.sharedSteps.isEmpty {
            StandardError.write(
                """
                \(file.path): error: pipeline '\(file.name)' has no stage behind a queue that a worker can share; put one \
                behind a 'nats' queue, as in 'async: {queue: outbox}' with 'outbox: {nats: {…}}' under 'resources': what \
                waits in memory or on disk is worked on by the host that has it
                """)
        }
        if files.contains(where: \.chain.sharedSteps.isEmpty) { throw ExitCode.failure }
        let logger = Logger(label: "stagecoach")
        ServingArguments.sayVersion(of: Host.self, logger)
        LogOutput.sayUnknownLevel(logger)
        let stop = StopProgress(after: nil)
        let service = WorkService(
            files.enumerated().compactMap { ServedPipeline($1, index: $0) }, settings: HostSettings.of(files),
            host: host, port: port, logger: logger, metrics: metrics, exporter: exporter,
            announce: { line in
                print(line)
                fflush(nil)
            }, watchStop: { stop.update($0) })
        try await ServingArguments.run(service)
    }
}
