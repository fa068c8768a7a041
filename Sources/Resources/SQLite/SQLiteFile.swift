import GRDB
import Pipeline

/// An SQLite file in which a commit is on disk once it has returned.
enum SQLiteFile {
    /// Makes an empty file with its folders, where it is missing, for the host's own user alone.
    ///
    /// - Throws: ``FileProblem`` where its folder or itself can't be made.
    static func make(_ path: String) throws(FileProblem) {
        try DurableFiles.makeFolder(DurableFiles.folder(of: path))
        // SQLite's own files beside it get the same mode as the database.
        try DurableFiles.makeFile(path)
    }

    /// Opens a file in WAL mode, or makes it with its folders, for the host's own user alone.
    ///
    /// - Throws: ``FileProblem`` where its folder or itself can't be made; `DatabaseError` from SQLite.
    static func open(_ path: String, _ configuration: Configuration) throws -> DatabaseQueue {
        try make(path)
        var configuration = configuration
        configuration.journalMode = .wal
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        // GRDB's own preparation of a WAL file, which comes after `prepareDatabase`, ends with NORMAL: nothing synced
        // before a checkpoint.
        try queue.inDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
            guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
                throw DatabaseError(message: "SQLite does not sync its commits")
            }
        }
        try DurableFiles.syncFolder(of: path)
        return queue
    }
}
