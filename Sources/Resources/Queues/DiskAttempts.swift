import GRDB
import Pipeline

/// How often processes died while they worked on messages of a queue in a file. A process that uses the file says so in it until
/// it has closed it: where one finds that said, the one before was killed. Versions of before leave both alone.
extension DiskLogFile {
    /// Says that a process uses the file.
    ///
    /// - Returns: Whether the one before was killed; where the disk takes nothing it counts as not.
    static func isInUse(_ database: DatabaseQueue) async -> Bool {
        let wasKilled = try? await database.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS attempts (ticket INTEGER PRIMARY KEY, deaths INTEGER NOT NULL);
                    DELETE FROM attempts WHERE ticket NOT IN (SELECT ticket FROM messages)
                    """)
            let wasKilled = try Int.fetchOne(database, sql: "PRAGMA user_version") == 1
            try database.execute(sql: "PRAGMA user_version = 1")
            return wasKilled
        }
        return wasKilled ?? false
    }

    /// Messages of a consumer that earlier processes may have died of.
    ///
    /// - Parameter limit: How many a process has in memory at most.
    /// - Returns: The number of the last that the process before may have died of, and how often processes died of messages, where
    ///   that was so.
    func suspects(of consumer: String, upTo limit: Int) async throws -> (last: Int64, deaths: [Int64: Int]) {
        try await database.read { database in
            guard try database.tableExists("attempts") else { return (0, [:]) }
            let last = try Int64.fetchOne(
                database,
                sql: """
                    SELECT max(ticket) FROM (SELECT ticket FROM messages WHERE consumer = ? ORDER BY ticket LIMIT ?)
                    """, arguments: [consumer, limit])
            var deaths: [Int64: Int] = [:]
            let rows = try GRDB.Row.fetchCursor(database, sql: "SELECT ticket, deaths FROM attempts")
            while let row = try rows.next() {
                guard case .int64(let ticket) = (row[0] as DatabaseValue).storage,
                    case .int64(let count) = (row[1] as DatabaseValue).storage
                else { continue }
                deaths[ticket] = Int(clamping: max(0, count))
            }
            return (wasKilled ? last ?? 0 : 0, deaths)
        }
    }

    /// Keeps how often processes would have died of messages, if this one did now; 0 for those that are not worked on.
    func keep(_ deaths: [Int64: Int]) async throws {
        try await database.write { database in
            for (ticket, count) in deaths {
                if count > 0 {
                    let insert = try database.cachedStatement(
                        sql: """
                            INSERT INTO attempts (ticket, deaths) VALUES (?, ?) \
                            ON CONFLICT (ticket) DO UPDATE SET deaths = excluded.deaths
                            """)
                    try insert.execute(arguments: [ticket, count])
                } else {
                    let delete = try database.cachedStatement(sql: "DELETE FROM attempts WHERE ticket = ?")
                    try delete.execute(arguments: [ticket])
                }
            }
        }
    }
}
