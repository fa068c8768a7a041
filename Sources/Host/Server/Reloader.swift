import Logging
import Pipeline

/// Reads the files that are served again, and puts what is good in the place of what was there: for the next message of
/// every connection. What is not good changes nothing.
actor Reloader {
    private let source: PipelineSource
    private let connections: Connections
    private let settings: HostSettings
    private let credentials: HostCredentials
    private let logger: Logger
    private var files: [PipelineFile]
    private var isStopped = false
    /// Pipelines that were replaced and still have messages.
    private var retiring: [Int: Task<Void, Never>] = [:]
    private var retired = 0

    /// What is served now.
    private(set) var routes: HostRoutes

    /// The files whose changes are changes of what is served.
    var watched: [String] { source.paths + files.flatMap(\.usedPaths) }

    init(
        _ source: PipelineSource, routes: HostRoutes, connections: Connections, settings: HostSettings,
        credentials: HostCredentials, logger: Logger
    ) {
        (self.source, self.routes, self.connections, self.settings) = (source, routes, connections, settings)
        (self.credentials, self.logger, files) = (credentials, logger, source.files)
    }

    /// Reads the files and the certificate again.
    func reloadEverything() async {
        reloadCertificates()
        await reload()
    }

    /// Reads the files again.
    func reload() async {
        guard !isStopped else { return }
        let loaded = source.read(files)
        report(loaded)
        let good = loaded.compactMap(\.file)
        guard good.count == files.count, !loaded.contains(where: \.hasErrors) else { return refuse("see above") }
        let next = good.enumerated().compactMap { ServedPipeline($1, index: $0) }
        guard next.count == routes.pipelines.count else { return refuse("no message could come in") }
        do {
            try await open(next)
        } catch {
            return refuse("\(error)")
        }
        if zip(good, files).contains(where: { !$0.hasSameSection("host", as: $1) }) {
            logger.warning("What 'host:' says is taken at the start alone; restart the host for it")
        }
        for pipeline in next { pipeline.chain.takeOver() }
        let former = routes.pipelines
        (routes.pipelines, files) = (next, good)
        await connections.serve(routes)
        for pipeline in former { retire(pipeline) }
        logger.notice("Reloaded", metadata: ["pipelines": "\(next.map(\.name).joined(separator: ", "))"])
    }

    /// Reads nothing again any more.
    func stop() { isStopped = true }

    /// Returns once what was replaced is closed, or the time is over.
    func waitForRetired(until deadline: ContinuousClock.Instant) async {
        try? await withTimeout(max(.zero, deadline - .now), orThrow: CancellationError()) { [retiring] in
            for task in retiring.values { await task.value }
        }
    }

    private func open(_ next: [ServedPipeline]) async throws {
        for (index, pipeline) in next.enumerated() {
            do {
                try await pipeline.chain.open(replacing: routes.pipelines[index].chain)
            } catch {
                for opened in next[..<index].reversed() { await opened.chain.close(within: .zero) }
                throw ServeError(description: "pipeline '\(pipeline.name)' can't start: \(error)")
            }
        }
    }

    private func reloadCertificates() {
        guard let certificates = credentials.certificates else { return }
        do throws(FileProblem) {
            try certificates.reload()
            logger.info("New connections get the new certificate")
        } catch {
            logger.error(
                "The certificate can't be used; the old one stays until the files are mended and SIGHUP comes again",
                metadata: ["detail": "\(error)"])
        }
    }

    /// Closes a pipeline after its last message.
    private func retire(_ pipeline: ServedPipeline) {
        retired += 1
        retiring[retired] = Task { [number = retired] in
            await pipeline.waitUntilIdle()
            await pipeline.chain.close(within: settings.drain)
            retiring[number] = nil
        }
    }

    private func refuse(_ reason: String) {
        logger.error("The changed files can't be used; what was served goes on", metadata: ["detail": "\(reason)"])
    }

    private func report(_ loaded: [LoadedPipeline]) {
        for pipeline in loaded {
            for diagnostic in pipeline.diagnostics {
                let line = DiagnosticFormatter.text(diagnostic, source: nil)
                logger.log(level: diagnostic.severity == .error ? .error : .warning, "\(line)")
            }
        }
    }
}

/// Where pipelines come from, so that they can be read again.
struct PipelineSource: Sendable {
    /// As they were read first.
    let files: [PipelineFile]
    /// The files, and that of the environment.
    let paths: [String]
    /// Reads them all, after what they were before.
    let read: @Sendable ([PipelineFile]) -> [LoadedPipeline]
}
