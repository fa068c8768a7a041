import Pipeline
import Synchronization
import Threads

/// What a resource keeps: its connections while it is open, and how the database is.
final class PostgresConnection: Sendable {
    private struct Open {
        let settings: PostgresSettings
        let pool: PostgresPool
        let watch: PostgresWatch
    }

    /// Rows that were left out.
    let unreadable = UnreadableRows()

    /// How long statements that are under way may take to end when the connections are closed.
    private static let farewell: Duration = .seconds(1)

    private let status = DatabaseHealth()
    private let state = Mutex<Open?>(nil)

    var health: Health { status.current }

    /// Begins to connect, and returns after the first try, whether it succeeded or not.
    func open(_ settings: PostgresSettings, _ context: ResourceContext) async {
        status.begin(context.logger)
        unreadable.begin(context)
        let watch = PostgresWatch(settings, status)
        let pool = PostgresPool(settings) { [status] failure in
            guard !failure.isOfTheRows, !failure.isPassing else { return }
            status.report(failing: failure.detail, isDown: failure.endsSession)
            // That one is looked at once its table is known.
            if !failure.refusesWriting { watch.hurry() }
        }
        state.withLock { $0 = Open(settings: settings, pool: pool, watch: watch) }
        await withCheckedContinuation { continuation in
            watch.start(onSilence: pool.fellSilent) { continuation.resume() }
        }
    }

    /// Makes or checks a table now if there is a connection, else once there is one.
    func prepare(table: String) async throws {
        guard let open = state.withLock(\.self) else { return }
        guard health == .ready else { return open.watch.watch(table: table) }
        do {
            try await open.pool.run { session in
                try PostgresSchema(table: table).prepare(session, creates: open.settings.creates)
            }
            open.watch.note(checked: table)
        } catch is PostgresFailure {
            open.watch.watch(table: table)
        }
    }

    func insert(_ rows: [Row], into table: String) async throws {
        guard let open = state.withLock(\.self), health == .ready else {
            throw health.error ?? .databaseUnavailable("not open")
        }
        do {
            var rest = rows[...]
            while !rest.isEmpty {
                let some = PostgresRows.takeSome(&rest)
                try await open.pool.run { try PostgresRows(table).insert(some, with: $0) }
            }
        } catch let failure as PostgresFailure {
            if failure.isOfTheTable { open.watch.watch(table: table) }
            if failure.refusesWriting { open.watch.doubt(table: table) }
            throw failure.error
        }
    }

    /// Reads in the open pool, or where there is none with a connection of its own.
    func run<Value: Sendable>(
        _ settings: PostgresSettings, _ body: @escaping @Sendable (PostgresSession) throws -> Value
    ) async throws -> Value {
        guard let open = state.withLock(\.self) else { return try await runAlone(settings, body) }
        do {
            return try await status.reads.run { try await open.pool.run(body) }
        } catch let failure as PostgresFailure {
            throw PipelineError.databaseUnavailable(failure.detail)
        }
    }

    /// Does something with a connection and a thread of its own.
    func runAlone<Value: Sendable>(
        _ settings: PostgresSettings, _ body: @escaping @Sendable (PostgresSession) throws -> Value
    ) async throws -> Value {
        do {
            return try await PostgresJob.perform(within: settings.timeout, body) { job in
                let isStarted = startThread(named: "stagecoach-pg") {
                    do {
                        try job.run(PostgresSession(settings.address, patience: settings.timeout))
                    } catch {
                        job.fail(error)
                    }
                }
                if !isStarted {
                    job.fail(PostgresFailure(kind: .refused, detail: "no thread could be started"))
                }
            }
        } catch let failure as PostgresFailure {
            throw PipelineError.databaseUnavailable(failure.detail)
        }
    }

    /// Ends all connections and waits until they are gone.
    func close() async {
        let open = state.withLock { state in
            defer { state = nil }
            return state
        }
        guard let open else { return }
        let end = ContinuousClock.now + ClosingTime.left(atMost: PostgresConnection.farewell)
        status.end()
        await withCheckedContinuation { continuation in
            open.watch.close { continuation.resume() }
        }
        await withCheckedContinuation { continuation in
            open.pool.close(by: end) { continuation.resume() }
        }
    }
}
