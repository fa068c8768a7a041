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

    /// SQLite's own words, without the statement.
    static func text(of error: any Error) -> String {
        guard let error = error as? DatabaseError else { return "\(error)" }
        return error.message ?? "\(error.resultCode)"
    }
}
