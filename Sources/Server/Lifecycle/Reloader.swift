import Logging
package import Pipeline

/// Reads the files that are served again, and replaces what was there by what is good: for the next message of
/// every connection. What is not good changes nothing.
actor Reloader {
    private let source: PipelineSource
    private let connections: Connections
    /// As the host was started.
    private let settings: HostSettings
    private let credentials: HostCredentials
    private let address: AddressRule
    private let logger: Logger
    /// What holds of `host:` now.
    private var host: HostSettings
    /// Authentication, as it was read last.
    private var auth: AuthReading
    /// Looks again at who came by a token, once the issuer has answered.
    private var reviewing: Task<Void, Never>?
    private var files: [PipelineFile]
    private var isStopped = false
    /// The last reload that was begun.
    private var last: Task<Void, Never>?
    /// Pipelines that were replaced and still have messages.
    private var retiring: [ObjectIdentifier: (pipeline: ServedPipeline, closing: Task<Void, Never>)] = [:]
    /// What was found in the files when they were read last.
    private var found: [String] = []
    /// What pipelines lost that were replaced.
    private var losses = Losses()

    /// What is served now.
    private(set) var routes: HostRoutes

    /// The files whose changes are changes of what is served.
    var watched: [String] { source.paths + files.flatMap { $0.usedPaths + $0.secretPaths } + host.auth.keyFiles }

    init(
        _ source: PipelineSource, routes: HostRoutes, connections: Connections, settings: HostSettings,
        credentials: HostCredentials, address: AddressRule, logger: Logger
    ) {
        (self.source, self.routes, self.connections, self.settings) = (source, routes, connections, settings)
        (self.credentials, self.address, self.logger, files) = (credentials, address, logger, source.files)
        (auth, host) = (credentials.auth, settings)
        routes.watch.serve(source.files)
    }

    /// Reads the files and the certificate again, and asks for the keys of tokens.
    func reloadEverything() async {
        await inTurn {
            await self.reloadCertificates()
            let keys = await self.routes.rules.authenticator?.issuerKeys
            await self.reloadPipelines()
            if let keys { await self.refresh(keys) }
        }
    }

    /// Reads the files again.
    func reload() async { await inTurn { await self.reloadPipelines() } }

    /// Of two reloads at once the second would replace what the first is about to.
    private func inTurn(_ work: @escaping @Sendable () async -> Void) async {
        guard !isStopped else { return }
        let turn = Task { [last] in
            await last?.value
            await work()
        }
        last = turn
        await turn.value
    }

    private func reloadPipelines() async {
        let loaded = HostFiles.checkRules(source.read(files))
        report(loaded)
        let good = loaded.compactMap(\.file)
        guard good.count == files.count, !loaded.contains(where: \.hasErrors) else { return refuse("see above") }
        let next = good.enumerated().compactMap { index, file in
            let served = routes.pipelines[index]
            // A chain written in Swift stays as it is.
            return file.chain === served.chain ? served : ServedPipeline(file, index: index, observer: served.observer)
        }
        guard next.count == routes.pipelines.count else { return refuse("no message could come in") }
        let said = HostSettings.of(good)
        guard address.allows(said) else {
            return refuse("without 'host: {auth: …}' anybody could come in at \(address.address)")
        }
        let auth: AuthReading
        do {
            auth = try AuthReading(said.auth, after: self.auth)
            try await open(next)
            var shown = routes
            shown.pipelines = next
            do { try shown.share(limit: said.limits.outbound.bytes, logger: logger) } catch {
                logger.error("Sessions can't be shared as the changed files say", metadata: ["detail": "\(error)"])
            }
        } catch {
            return refuse("\(error)")
        }
        let now = said.holding(on: settings)
        report(auth, said)
        let keys = auth.authenticator?.issuerKeys
        await keys?.begin(unless: self.auth.authenticator?.issuerKeys)
        let added = next.filter { isNew($0) }
        for pipeline in added { pipeline.chain.takeOver() }
        WeakerGuarantees.log(from: files, to: good, host: (host, now), logger)
        let isSame = zip(good, files).allSatisfy { $0.hasSameSection("host", as: $1) }
        let replaced = routes.pipelines
        (routes.pipelines, files) = (next, good)
        routes.take(said, auth.authenticator)
        await connections.serve(
            routes, limits: isSame ? nil : said.limits.withinDescriptors,
            after: auth.authenticator === self.auth.authenticator ? nil : AccessReview(auth))
        await take(auth, now)
        let notice = said.restartNotice(of: settings)
        routes.watch.reloaded(ReloadReport(refusal: nil, diagnostics: found, notice: notice), good)
        for (former, now) in zip(replaced, next) where former !== now { retire(former) }
        logger.notice("Reloaded", metadata: ["pipelines": "\(next.map(\.name).joined(separator: ", "))"])
    }

    private func take(_ auth: AuthReading, _ now: HostSettings) async {
        let (keys, former) = (auth.authenticator?.issuerKeys, self.auth.authenticator?.issuerKeys)
        let isChanged = auth.authenticator !== self.auth.authenticator
        let hadTokens = self.auth.authenticator?.tokens != nil
        (self.auth, host) = (auth, now)
        if keys !== former {
            reviewing?.cancel()
            await former?.stop()
        }
        guard let keys, isChanged, keys !== former || keys.state.isFailing else { return }
        if hadTokens, keys.state.keys == nil {
            logger.warning(
                "Clients with tokens stay connected until the issuer's keys are fetched: only then can those be checked",
                metadata: ["address": "\(keys.address.shown)"])
        }
        reviewTokens(by: keys)
    }

    /// Asks an issuer again, where it still is the one. What is there counts until it answers.
    private func refresh(_ keys: IssuerKeys) {
        guard routes.rules.authenticator?.issuerKeys === keys else { return }
        keys.refresh()
        reviewTokens(by: keys)
    }

    /// Looks again at those who came by tokens, once their issuer has said by which keys.
    private func reviewTokens(by keys: IssuerKeys) {
        reviewing?.cancel()
        reviewing = Task {
            guard await keys.haveCome() else { return }
            await inTurn {
                guard await self.routes.rules.authenticator?.issuerKeys === keys else { return }
                await self.connections.enforce(AccessReview(self.auth, keepsTokens: false), with: self.routes.kept)
            }
        }
    }

    /// Says what of `host:` was not taken.
    private func report(_ auth: AuthReading, _ said: HostSettings) {
        if let problem = auth.problem {
            logger.error(
                "The keys of tokens can't be used; the old ones stay until the file is mended and read again",
                metadata: ["detail": "\(problem)"])
        }
        if let notice = said.restartNotice(of: settings) { logger.warning("\(notice)") }
    }

    /// Reads nothing again any more, and returns once what was begun has ended.
    func stop() async {
        isStopped = true
        reviewing?.cancel()
        await last?.value
    }

    /// Waits until what was replaced is closed, or the time is over.
    ///
    /// - Returns: How many messages still hang in it.
    func waitForRetired(until deadline: ContinuousClock.Instant) async -> Int {
        try? await withTimeout(max(.zero, deadline - .now), orThrow: CancellationError()) { [retiring] in
            for (_, closing) in retiring.values { await closing.value }
        }
        return retiring.values.reduce(0) { $0 + $1.0.running }
    }

    /// Returns once what was replaced is closed; after the time is over it is closed as it is.
    ///
    /// - Returns: What is lost, with what was at reloads before.
    func closeRetired(until deadline: ContinuousClock.Instant, by end: ContinuousClock.Instant) async -> Losses {
        let hanging = await waitForRetired(until: deadline)
        losses.unfinished += hanging
        for (pipeline, _) in retiring.values {
            losses.add(await pipeline.chain.close(workingUntil: deadline, by: end), of: pipeline.name)
        }
        return losses
    }

    /// Whether it is not served already.
    private func isNew(_ pipeline: ServedPipeline) -> Bool { !routes.pipelines.contains { $0 === pipeline } }

    private func open(_ next: [ServedPipeline]) async throws {
        for (index, pipeline) in next.enumerated() where isNew(pipeline) {
            do {
                try await pipeline.chain.open(replacing: routes.pipelines[index].chain)
            } catch {
                for opened in next[..<index].reversed() where isNew(opened) { await opened.chain.close(within: .zero) }
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
        let closing = Task {
            await pipeline.waitUntilIdle()
            losses.add(await pipeline.chain.close(within: settings.drain), of: pipeline.name)
            retiring[ObjectIdentifier(pipeline)] = nil
        }
        retiring[ObjectIdentifier(pipeline)] = (pipeline, closing)
    }

    private func refuse(_ reason: String) {
        logger.error("The changed files can't be used; what was served goes on", metadata: ["detail": "\(reason)"])
        routes.watch.reloaded(ReloadReport(refusal: reason, diagnostics: found, notice: nil))
    }

    private func report(_ loaded: [LoadedPipeline]) {
        found = []
        for pipeline in loaded {
            for diagnostic in pipeline.diagnostics {
                let line = DiagnosticFormatter.text(diagnostic, source: nil)
                if diagnostic.severity != .note { found.append(line) }
                logger.log(level: diagnostic.severity == .error ? .error : .warning, "\(line)")
            }
        }
    }
}

/// Where pipelines come from, so that they can be read again.
package struct PipelineSource: Sendable {
    /// As they were read first.
    let files: [PipelineFile]
    /// The files, and that of the environment.
    let paths: [String]
    /// Reads them all, after what they were before.
    let read: @Sendable ([PipelineFile]) -> [LoadedPipeline]

    package init(
        files: [PipelineFile], paths: [String], read: @escaping @Sendable ([PipelineFile]) -> [LoadedPipeline]
    ) {
        (self.files, self.paths, self.read) = (files, paths, read)
    }
}
