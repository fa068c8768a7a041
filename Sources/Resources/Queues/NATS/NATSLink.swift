import Logging
import NATS
import Pipeline
import Synchronization

/// What a `nats` resource has while it is open: its connection, the check of its stream, and the queues of its steps.
final class NATSLink: Sendable {
    private struct State {
        var connection: NATSConnection?
        var settings: NATSSettings?
        var stream: StreamConfiguration?
        var creates = true
        var logger: Logger?
        /// Whether the stream was found to be as the file says, and is there.
        var isChecked = false
        /// When it was made; empty before it was found.
        var created = ""
        /// What is wrong with it.
        var problem: String?
        /// Why it could not be looked at yet.
        var reason: NATSError?
        var checking: Task<Void, Never>?
        var queues: [PartitionedQueue] = []
        var hosts: NATSShared?
    }

    /// How long the start waits for a server; after that it goes on without.
    private static let patience = Duration.seconds(2)

    /// How long it is kept that a process died while it worked on a message.
    private static let attempts = Duration.seconds(7 * 86_400)

    private let state = Mutex(State())

    var connection: NATSConnection? { state.withLock(\.connection) }

    /// What hosts share by it.
    var hosts: NATSShared? { state.withLock(\.hosts) }

    var health: Health {
        let (connection, stream, isChecked, problem, reason) = state.withLock {
            ($0.connection, $0.stream?.name ?? "", $0.isChecked, $0.problem, $0.reason)
        }
        guard let connection else { return .failing(.databaseUnavailable("the queue is not open")) }
        if let problem {
            let message = "The stream '\(stream)' at NATS is missing, or not as the file says"
            return .failing(PipelineError(.databaseUnavailable, message, isRetryable: true, detail: problem))
        }
        if let problem = connection.problem { return .failing(.databaseUnavailable("NATS: \(problem)")) }
        if isChecked { return .ready }
        return .failing(.databaseUnavailable(reason?.description ?? "the stream was not looked at yet"))
    }

    /// Connects in the background, and looks at the stream once there is a connection.
    ///
    /// - Throws: ``NATSStreamProblem`` where the stream is there, or is not, as the file doesn't want it.
    func open(
        _ settings: NATSSettings, _ stream: StreamConfiguration, creates: Bool, logger: Logger
    ) async throws {
        try NATSFiles.check(settings)
        let connection: NATSConnection
        do throws(NATSError) {
            connection = try NATSConnection.shared(settings)
        } catch {
            throw NATSStreamProblem("NATS can't be used: \(error)")
        }
        state.withLock { state in
            state = State()
            (state.connection, state.settings, state.stream) = (connection, settings, stream)
            (state.creates, state.logger) = (creates, logger)
            state.hosts = NATSShared(
                connection, prefix: stream.name, replicas: stream.replicas, creates: creates)
        }
        var reason: NATSError?
        if await connection.waitUntilConnected(within: NATSLink.patience) {
            reason = try await check()
            if reason == nil { return }
        } else if connection.isOver {
            throw NATSStreamProblem("NATS can't be used: \(connection.problem ?? "")")
        }
        let servers = NATSAddresses.shown(settings.servers)
        logger.warning(
            "NATS can't be used yet; it is tried again",
            metadata: ["detail": "\(connection.problem ?? reason?.description ?? "")", "servers": "\(servers)"])
        let checking = Task { await self.checkUntilDone() }
        state.withLock { $0.checking = checking }
    }

    /// Looks at the stream, and makes it where the file says so.
    ///
    /// - Returns: Why it isn't known yet how the stream is; `nil` where it is as the file says.
    /// - Throws: Where it isn't.
    private func check() async throws(NATSStreamProblem) -> NATSError? {
        let (connection, stream, creates) = state.withLock { ($0.connection, $0.stream, $0.creates) }
        guard let connection, let stream else { return .closed }
        let jetStream = JetStream(connection)
        var problem: NATSStreamProblem?
        do throws(NATSError) {
            let found = try await jetStream.stream(stream.name)
            sayIfLost(found)
            if let found {
                problem = NATSStreamProblem(found.configuration, wanted: stream)
            } else if creates {
                note(try await jetStream.create(stream))
            } else {
                problem = NATSStreamProblem(missing: stream)
            }
        } catch {
            if error.isTransient || error == .closed {
                state.withLock { $0.reason = error }
                return error
            }
            problem = NATSStreamProblem(stream, refused: error)
        }
        if let problem { throw problem }
        state.withLock { ($0.isChecked, $0.problem) = (true, nil) }
        return nil
    }

    private func note(_ found: StreamInfo) { state.withLock { $0.created = found.created } }

    /// Says once of a stream that was there that it was removed, with all that waited in it. Another may have its name.
    private func sayIfLost(_ found: StreamInfo?) {
        let (logger, waiting) = state.withLock { state in
            let isLost = !state.created.isEmpty && found?.created != state.created
            defer { state.created = found?.created ?? "" }
            return (isLost ? state.logger : nil, state.queues.reduce(0) { $0 + $1.depth.messages })
        }
        logger?.error(
            "The stream was removed at NATS; what waited in it is lost",
            metadata: ["stream": "\(state.withLock(\.stream)?.name ?? "")", "waiting": "\(waiting)"])
    }

    /// A queue has looked at the stream.
    ///
    /// - Parameter found: What it has found; `nil` where there is no stream.
    /// - Returns: Whether it is the one that was there before. Otherwise it is looked at from here, and made where the file
    ///   says so; until then there is no room for messages.
    private func isStillThere(_ found: StreamInfo?) -> Bool {
        let queues: [PartitionedQueue]? = state.withLock { state in
            guard state.isChecked else { return [] }
            if let found, found.created == state.created { return nil }
            (state.isChecked, state.reason) = (false, nil)
            state.problem = "the stream '\(state.stream?.name ?? "")' was removed at NATS"
            state.checking = Task { await self.checkUntilDone() }
            return state.queues
        }
        for queue in queues ?? [] { queue.streamIsGone() }
        return queues == nil
    }

    /// The host runs already, so that what is wrong can only be said.
    private func checkUntilDone() async {
        var said: String?
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(250))
            guard let connection, connection.isConnected else { continue }
            do throws(NATSStreamProblem) {
                if try await check() == nil { break }
            } catch {
                let logger = state.withLock { state in
                    state.problem = error.description
                    return state.logger
                }
                if said != error.description { logger?.error("\(error)") }
                said = error.description
                try? await Task.sleep(for: .seconds(2))
            }
        }
        let (logger, queues) = state.withLock { ($0.logger, $0.queues) }
        if Task.isCancelled { return }
        logger?.notice("NATS is there")
        for queue in queues { queue.streamIsReady() }
    }

    /// The queue of a step.
    func queue(for label: String, _ options: Queue.Options) throws(NATSStreamProblem) -> PartitionedQueue {
        let (connection, stream, settings, logger) = state.withLock {
            ($0.connection, $0.stream, $0.settings, $0.logger)
        }
        guard let connection, let stream, let settings, let logger else {
            throw NATSStreamProblem("the queue is not open")
        }
        let servers = NATSAddresses.shown(settings.servers)
        let queue = PartitionedQueue(
            JetStream(connection), stream: stream, label: label, options: options,
            location: "the stream '\(stream.name)' at \(servers)", logger: logger,
            attempts: hosts?.values("attempts", keptFor: NATSLink.attempts)
        ) { [weak self] in self?.isStillThere($0) ?? false }
        let isChecked = state.withLock { state in
            state.queues.append(queue)
            return state.isChecked
        }
        queue.start(isReady: isChecked)
        return queue
    }

    /// Says what waits for steps of this file's pipelines that there are no more.
    func reportAbandoned() async {
        let (connection, stream, queues, logger) = state.withLock {
            ($0.connection, $0.stream, $0.queues, $0.logger)
        }
        guard let connection, connection.isConnected, let stream, let first = queues.first else { return }
        let pipeline = first.pipelineSubject
        guard let info = try? await JetStream(connection).stream(stream.name, counting: "\(pipeline).>") else { return }
        let known = Set(queues.map(\.subject))
        var waiting: [String: Int] = [:]
        for (subject, count) in info.subjects {
            guard let dot = subject.lastIndex(of: "."), !known.contains(String(subject[..<dot])) else { continue }
            waiting[String(subject[..<dot].dropFirst(pipeline.utf8.count + 1)), default: 0] += count
        }
        for (token, count) in waiting.sorted(by: { $0.key < $1.key }) {
            let label = SharedName.unescaped(token) ?? token
            logger?.warning(
                """
                \(count) messages wait for a stage '\(label)', which this file doesn't have behind this queue; a worker of a \
                file that has it works on them
                """,
                metadata: ["step": "\(label)", "stream": "\(stream.name)"])
        }
    }

    /// Gives back what the workers had, so that others have it at once, and the connection.
    func close() async {
        let (connection, queues, checking) = state.withLock { state in
            defer { state.queues = [] }
            return (state.connection, state.queues, state.checking)
        }
        checking?.cancel()
        await withTaskGroup(of: Void.self) { group in
            for queue in queues { group.addTask { await queue.leave() } }
        }
        state.withLock { ($0.connection, $0.hosts) = (nil, nil) }
        connection?.close()
    }
}
