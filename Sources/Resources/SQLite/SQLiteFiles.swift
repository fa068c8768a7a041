import Glibc
import Pipeline

/// Which files a database in WAL mode is made of, so that one that is deleted, moved or replaced under the host is noticed.
struct SQLiteFiles: Equatable, Sendable {
    /// A file, whatever it is called.
    private struct Identity: Equatable, Sendable {
        let device: dev_t
        let inode: ino_t

        /// `nil` where there is no such file.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = status.st_dev
            inode = status.st_ino
        }
    }

    /// What follows the database's own name in those of the files beside it.
    private static let suffixes = ["-wal", "-shm"]

    private let database: Identity?
    /// As the suffixes are.
    private let beside: [Identity?]

    /// What the path leads to now.
    init(_ path: String) {
        self.init(Identity(path), path)
    }

    private init(_ database: Identity?, _ path: String) {
        self.database = database
        beside = SQLiteFiles.suffixes.map { Identity(path + $0) }
    }

    /// This database with the files that are beside it now.
    func withFilesBeside(_ path: String) -> SQLiteFiles { SQLiteFiles(database, path) }

    /// Whether there is no database.
    var isMissing: Bool { database == nil }

    /// Whether the database is the same, whatever became of the files beside it.
    func hasSameDatabase(as other: SQLiteFiles) -> Bool { database == other.database }

    /// Moves aside what lies beside a database and is another's: it would be taken for the database's own.
    ///
    /// - Parameters:
    ///   - path: The database's.
    ///   - old: The files of the connection that was open there.
    /// - Returns: Where they are now.
    /// - Throws: ``FileProblem`` where that can't be done, so that the database must not be opened.
    static func moveAside(at path: String, notOf old: SQLiteFiles) throws(FileProblem) -> [String] {
        let now = SQLiteFiles(path)
        let isSame = now.hasSameDatabase(as: old)
        var moved: [String] = []
        for (index, suffix) in suffixes.enumerated() {
            // What the old connection wrote belongs to the old database, anything else to another.
            guard let file = now.beside[index], (file == old.beside[index]) != isSame else { continue }
            let aside = unusedName("\(path)\(suffix).replaced")
            guard rename(path + suffix, aside) == 0 else {
                throw FileProblem("'\(path)\(suffix)' is another database's and can't be moved away", errno)
            }
            moved.append(aside)
        }
        // Were it back after a loss of power, it would spoil the database.
        if !moved.isEmpty { try DurableFiles.syncFolder(of: path) }
        return moved
    }

    private static func unusedName(_ name: String) -> String {
        var number = 1
        while access("\(name)-\(number)", F_OK) == 0 { number += 1 }
        return "\(name)-\(number)"
    }
}
