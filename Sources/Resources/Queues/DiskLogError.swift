import GRDB

/// Why a queue's file can't be used. It stops the host.
struct DiskLogError: Error, CustomStringConvertible {
    let description: String
    /// Whether another pipeline of this host has the file.
    let isOfThisHost: Bool

    init(_ description: String, isOfThisHost: Bool = false) {
        self.description = description
        self.isOfThisHost = isOfThisHost
    }

    /// Why a file can't be opened, with what to do. Only of one that is damaged, or something else, that is to move it away:
    /// of any other, what waits in it would be lost for a permission or a full disk.
    init(opening path: String, _ error: any Error) {
        let problem = "the queue '\(path)' can't be opened: \(DiskLogError.text(of: error))"
        if let obstacle = FileObstacle(at: path) {
            self.init("\(problem); \(obstacle). What waits in the queue stays there")
            return
        }
        let code = (error as? DatabaseError)?.resultCode
        let isUnusable = code == .SQLITE_NOTADB || code == .SQLITE_CORRUPT || code == .SQLITE_ERROR
        self.init(
            problem
                + (isUnusable
                    ? "; name another file, or move this one away: what waits in it is then left out"
                    : "; what waits in the queue stays there"))
    }

    /// SQLite's own words, without the statement.
    static func text(of error: any Error) -> String {
        guard let error = error as? DatabaseError else { return "\(error)" }
        return error.message ?? "\(error.resultCode)"
    }
}
