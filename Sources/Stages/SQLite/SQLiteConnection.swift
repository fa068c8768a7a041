import GRDB
import Glibc
import Logging
import Pipeline
import Synchronization

/// The one connection that writes to a file, kept open, watched and made anew when the file is lost.
///
/// SQLite 3.40 can lose data where two connections checkpoint a WAL file at once, so everything here goes through one.
final class SQLiteConnection: Sendable {
    private struct State {
        var queue: DatabaseQueue?
        var file: FileIdentity?
        var tables: Set<String> = []
        /// Tables that the log has said of what may refuse rows.
        var advised: Set<String> = []
        var health = Health.failing(.databaseUnavailable("not opened yet"))
        var isClosed = false
        var watch: Task<Void, Never>?
    }

    private struct Settings {
        let path: String
        let busyTimeout: Duration
        let logger: Logger
    }

    /// Rows that were left out.
    let unreadable = UnreadableRows()

    private let state = Mutex(State())
    private let settings = Mutex<Settings?>(nil)

    var health: Health { state.withLock(\.health) }

    /// The open file; `nil` where there is none.
    var database: DatabaseQueue? { state.withLock(\.queue) }

    /// Opens the file, and goes on trying where it can't be opened.
    func open(path: String, busyTimeout: Duration, _ context: ResourceContext) async {
        unreadable.begin(context)
        settings.withLock { $0 = Settings(path: path, busyTimeout: busyTimeout, logger: context.logger) }
        do {
            try connect()
            report(nil)
        } catch {
            report(databaseUnavailable(error))
        }
        let watch = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                await self?.check()
            }
        }
        state.withLock { $0.watch = watch }
    }

    /// Makes a table ready now if there is a connection, else once there is one.
    func prepare(table: String) async throws {
        state.withLock { _ = $0.tables.insert(table) }
        guard let queue = state.withLock(\.queue) else { return }
        do {
            say(try await queue.write { try makeReady(table, in: $0) }, of: table)
        } catch let error as TableProblem {
            throw error
        } catch {
            report(databaseUnavailable(error))
        }
    }

    private func makeReady(_ table: String, in database: Database) throws -> [String] {
        let schema = SQLiteSchema(table: table)
        try schema.prepare(database)
        return state.withLock({ $0.advised.contains(table) }) ? [] : try schema.advice(in: database)
    }

    private func say(_ advice: [String], of table: String) {
        guard state.withLock({ $0.advised.insert(table).inserted }) else { return }
        for sentence in advice { settings.withLock(\.self)?.logger.warning("\(sentence)") }
    }

    func insert(_ rows: [Pipeline.Row], into table: String) async throws {
        guard let queue = state.withLock(\.queue) else { throw health.error ?? databaseUnavailable("not open") }
        do {
            try await queue.write { database in
                var insert = try SQLiteInsert(SQLiteSchema(table: table).insertion, in: database)
                let now = Timestamp.now.description
                for row in rows {
                    insert.add(row.id.description)
                    insert.add(row.sessionID)
                    insert.add(row.prompt)
                    insert.add(row.response)
                    insert.add(row.tokensUsed)
                    insert.add(row.metadata)
                    insert.add(row.username)
                    insert.add(row.userID)
                    insert.add(row.createdAt.description)
                    insert.add(now)
                    try insert.execute()
                }
            }
        } catch let error as CancellationError {
            throw error
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw PipelineError(.stageFailed, "The message could not be stored", detail: "\(error)")
        } catch {
            let error = databaseUnavailable(error)
            report(error)
            throw error
        }
        report(nil)
    }

    func delete(_ ids: [UniqueID], from table: String) async throws {
        try await write { database in
            let statement = try database.cachedStatement(
                sql: "DELETE FROM \(SQLiteSchema(table: table).identifier) WHERE id = ?")
            for id in ids { try statement.execute(arguments: [id.description]) }
        }
    }

    /// Does something in a transaction of its own.
    ///
    /// - Throws: ``PipelineError`` with the code `database_unavailable` where the file can't be used.
    func write<Result: Sendable>(_ body: @Sendable @escaping (Database) throws -> Result) async throws -> Result {
        guard let queue = state.withLock(\.queue) else { throw health.error ?? databaseUnavailable("not open") }
        do {
            return try await queue.write(body)
        } catch let error as DatabaseError {
            throw databaseUnavailable(error)
        }
    }

    func close() async {
        let (watch, queue) = state.withLock { state in
            defer {
                state.watch = nil
                state.queue = nil
                state.isClosed = true
            }
            return (state.watch, state.queue)
        }
        watch?.cancel()
        await watch?.value
        try? queue?.close()
    }

    /// Looks whether the database can be written to, and opens it again where its file is gone.
    private func check() async {
        do {
            guard let settings = settings.withLock(\.self) else { return }
            let (queue, file) = state.withLock { ($0.queue, $0.file) }
            if let queue, file == FileIdentity(path: settings.path) {
                try await queue.writeWithoutTransaction { database in
                    try database.inTransaction(.immediate) { .rollback }
                }
            } else {
                state.withLock { $0.queue = nil }
                try connect()
            }
            report(nil)
        } catch is CancellationError {
            return
        } catch {
            report(databaseUnavailable(error))
        }
    }

    private func connect() throws {
        guard let settings = settings.withLock(\.self) else { return }
        var configuration = Configuration()
        configuration.busyMode = .timeout(min(settings.busyTimeout, .seconds(86_400)) / .seconds(1))
        configuration.prepareDatabase { database in
            // Rows of a thousand conversations touch as many pages of an index; SQLite's own 2 MiB would read and write
            // them again and again.
            try database.execute(sql: "PRAGMA cache_size = -16384")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
            SQLiteFunctions.add(to: database)
        }
        let queue = try SQLiteFile.open(settings.path, configuration)
        let tables = state.withLock(\.tables)
        let advice = try queue.write { database in
            try tables.sorted().map { ($0, try makeReady($0, in: database)) }
        }
        for (table, sentences) in advice { say(sentences, of: table) }
        state.withLock { state in
            state.queue = queue
            state.file = FileIdentity(path: settings.path)
        }
    }

    /// Notes how the database is, and says in the log when that changes.
    private func report(_ error: PipelineError?) {
        let logger = settings.withLock(\.self)?.logger
        let before: PipelineError?? = state.withLock { state in
            guard !state.isClosed else { return nil }
            defer { state.health = error.map(Health.failing) ?? .ready }
            return .some(state.health.error)
        }
        guard let before else { return }
        switch (before, error) {
        case (_?, nil): logger?.info("The database is connected")
        case (let before, let error?) where before?.detail != error.detail:
            logger?.warning("\(error.message)", metadata: ["code": "\(error.code)", "detail": "\(error.detail ?? "")"])
        default: break
        }
    }

    private func databaseUnavailable(_ error: any Error) -> PipelineError {
        .databaseUnavailable((error as? DatabaseError)?.message ?? "\(error)")
    }

    private func databaseUnavailable(_ text: String) -> PipelineError {
        .databaseUnavailable(text)
    }
}

/// Which file a path leads to, so that one that was deleted or replaced is noticed.
private struct FileIdentity: Equatable {
    let device: dev_t
    let inode: ino_t

    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = status.st_dev
        inode = status.st_ino
    }
}
