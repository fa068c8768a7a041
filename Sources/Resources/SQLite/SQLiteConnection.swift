import GRDB
import Logging
import Pipeline
import Synchronization

/// The one connection that writes to a file, kept open, watched and made anew when the file is lost or replaced.
///
/// SQLite 3.40 can lose data where two connections checkpoint a WAL file at once, so everything here goes through one.
final class SQLiteConnection: Sendable {
    /// A connection and the files that it was made to.
    private struct Opened {
        let queue: DatabaseQueue
        /// Reads while a write waits for another program's lock; it can't write or checkpoint. `nil` where it can't be had.
        let reader: DatabaseQueue?
        let files: SQLiteFiles
    }

    private struct State {
        var opened: Opened?
        var tables: Set<String> = []
        /// Tables that the log has said of what may refuse rows.
        var advised: Set<String> = []
        var watch: Task<Void, Never>?
    }

    private struct Settings {
        let path: String
        let busyWait: SQLiteBusyWait
        let logger: Logger
    }

    /// How often rows are stored again as their file was replaced meanwhile.
    private static let tries = 5

    /// Rows that were left out.
    let unreadable = UnreadableRows()

    private let status = DatabaseHealth()
    private let state = Mutex(State())
    private let settings = Mutex<Settings?>(nil)
    /// Held by who opens the file anew.
    private let opening = Mutex(())

    var health: Health { status.current }

    /// Opens the file, and goes on trying where it can't be opened.
    func open(path: String, busyTimeout: Duration, _ context: ResourceContext) async {
        unreadable.begin(context)
        status.begin(context.logger)
        settings.withLock { $0 = Settings(path: path, busyWait: SQLiteBusyWait(busyTimeout), logger: context.logger) }
        do {
            _ = try reopen()
            status.report(ready: ())
        } catch {
            report(error)
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
        guard let queue = state.withLock(\.opened)?.queue else { return }
        do {
            say(try await queue.write { try makeReady(table, in: $0) }, of: table)
        } catch let error as TableProblem {
            throw error
        } catch {
            report(error)
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
        let asked = ContinuousClock.now
        do {
            for _ in 0..<SQLiteConnection.tries {
                let opened = try current()
                do {
                    try await store(rows, in: table, with: opened.queue, since: asked)
                } catch let error as DatabaseError where !isCurrent(opened) {
                    // Closed by who saw that the file was replaced.
                    settings.withLock(\.self)?.logger.debug("\(error)")
                    continue
                }
                // A file that was replaced meanwhile has taken the rows with it; stored twice, they are there once.
                if isCurrent(opened) { return status.report(ready: ()) }
            }
            throw PipelineError.databaseUnavailable("the database file is replaced again and again")
        } catch let error as CancellationError {
            throw error
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw PipelineError(.stageFailed, "The message could not be stored", detail: "\(error)")
        } catch {
            report(error)
            throw databaseUnavailable(error)
        }
    }

    /// Does something in a transaction that waits for the lock no longer than the file says, since it was asked for.
    private func write(
        through queue: DatabaseQueue, since asked: ContinuousClock.Instant,
        _ body: @Sendable @escaping (Database) throws -> Database.TransactionCompletion
    ) async throws {
        guard let wait = settings.withLock(\.self)?.busyWait else { throw CancellationError() }
        try await queue.writeWithoutTransaction { database in
            try wait.write(database, since: asked) { try body(database) }
        }
    }

    private func store(
        _ rows: [Pipeline.Row], in table: String, with queue: DatabaseQueue, since asked: ContinuousClock.Instant
    ) async throws {
        try await write(through: queue, since: asked) { database in
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
            return .commit
        }
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
        do {
            return try await current().queue.write(body)
        } catch let error as DatabaseError {
            throw databaseUnavailable(error)
        }
    }

    /// Reads through the open file, or where there is none through a connection for that alone.
    ///
    /// - Throws: As ``write(_:)``.
    func read<Value: Sendable>(_ path: String, _ body: (SQLiteReader) async throws -> Value) async throws -> Value {
        do {
            return try await body(
                SQLiteReader(
                    path: path, connection: (try? current()).map { $0.reader ?? $0.queue }, unreadable: unreadable))
        } catch let error as DatabaseError {
            throw databaseUnavailable(error, at: path)
        }
    }

    func close() async {
        let watch = state.withLock { state in
            defer { state.watch = nil }
            return state.watch
        }
        status.end()
        watch?.cancel()
        settings.withLock(\.self)?.busyWait.end()
        await watch?.value
        let opened = opening.withLock { _ in
            state.withLock { state in
                defer { state.opened = nil }
                return state.opened
            }
        }
        // The last to close empties the WAL file, which a reader can't.
        try? opened?.reader?.close()
        try? opened?.queue.close()
    }

    /// Looks whether the database can be written to, and opens it again where its file is gone.
    private func check() async {
        do {
            let opened = state.withLock(\.opened) == nil ? try reopen() : try current()
            try await write(through: opened.queue, since: .now) { _ in .rollback }
            status.report(ready: ())
        } catch is CancellationError {
            return
        } catch {
            report(error)
        }
    }

    /// The open file, after a look whether its path still leads to it.
    private func current() throws -> Opened {
        guard let opened = state.withLock(\.opened) else { throw health.error ?? .databaseUnavailable("not open") }
        return isCurrent(opened) ? opened : try reopen()
    }

    private func isCurrent(_ opened: Opened) -> Bool {
        guard let path = settings.withLock(\.self)?.path else { return false }
        return state.withLock(\.opened)?.queue === opened.queue && opened.files == SQLiteFiles(path)
    }

    /// Opens the file, after closing the connection to another that was at its path.
    private func reopen() throws -> Opened {
        guard let settings = settings.withLock(\.self), !Task.isCancelled else { throw CancellationError() }
        return try opening.withLock { _ in
            if let opened = state.withLock(\.opened) {
                // Another has done it meanwhile.
                if opened.files == SQLiteFiles(settings.path) { return opened }
            }
            do {
                if let opened = state.withLock(\.opened) { try leave(opened, settings) }
                let opened = try connect(settings)
                state.withLock { $0.opened = opened }
                return opened
            } catch {
                // From here on it is tried once a second.
                state.withLock { $0.opened = nil }
                throw error
            }
        }
    }

    /// Ends a connection whose files are not at their path any more. Its rows are in the database that it was made to, even
    /// where that has another name now or none.
    private func leave(_ opened: Opened, _ settings: Settings) throws {
        try? opened.reader?.close()
        let now = SQLiteFiles(settings.path)
        let hasSameDatabase = now.hasSameDatabase(as: opened.files)
        var aside: [String] = []
        // SQLite removes the files beside its own database when it closes it.
        if hasSameDatabase { aside = try SQLiteFiles.moveAside(at: settings.path, notOf: opened.files) }
        do {
            try opened.queue.writeWithoutTransaction { _ = try $0.checkpoint(.full) }
        } catch {
            settings.logger.warning(
                "Rows may be missing in the database file that was at this path before",
                metadata: ["path": "\(settings.path)", "detail": "\(error)"])
        }
        try opened.queue.close()
        if !hasSameDatabase { aside = try SQLiteFiles.moveAside(at: settings.path, notOf: opened.files) }
        let what =
            hasSameDatabase
            ? "A file beside the database was deleted or replaced; its rows are in the database, which is opened anew"
            : now.isMissing
                ? "The database file was moved away or deleted; a new one is made"
                : "The database file was replaced; the new one is opened, and rows of before are in the old one alone"
        var metadata: Logger.Metadata = ["path": "\(settings.path)"]
        if !aside.isEmpty { metadata["moved_aside"] = "\(aside.joined(separator: ", "))" }
        settings.logger.warning("\(what)", metadata: metadata)
    }

    private func connect(_ settings: Settings) throws -> Opened {
        var configuration = Configuration()
        configuration.busyMode = .callback { [wait = settings.busyWait] in wait.pause(after: $0) }
        configuration.prepareDatabase { database in
            // Rows of a thousand conversations touch as many pages of an index; SQLite's own 2 MiB would read and write
            // them again and again.
            try database.execute(sql: "PRAGMA cache_size = -16384")
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
            SQLiteFunctions.add(to: database)
        }
        try SQLiteFile.make(settings.path)
        // It may be moved away at any time: what is opened is this one, or the next look finds another.
        let database = SQLiteFiles(settings.path)
        let queue = try SQLiteFile.open(settings.path, configuration)
        let tables = state.withLock(\.tables)
        let advice = try queue.write { database in
            try tables.sorted().map { ($0, try makeReady($0, in: database)) }
        }
        for (table, sentences) in advice { say(sentences, of: table) }
        return Opened(
            queue: queue, reader: try? SQLiteReader.connect(to: settings.path),
            files: database.withFilesBeside(settings.path))
    }

    private func report(_ error: any Error) {
        status.report(failing: databaseUnavailable(error).detail ?? "")
    }

    /// - Parameter path: The file, where the connection has not been opened.
    private func databaseUnavailable(_ error: any Error, at path: String? = nil) -> PipelineError {
        if let error = error as? PipelineError { return error }
        guard let error = error as? DatabaseError else { return .databaseUnavailable("\(error)") }
        return .databaseUnavailable(error.reason(at: path ?? settings.withLock(\.self)?.path))
    }
}
