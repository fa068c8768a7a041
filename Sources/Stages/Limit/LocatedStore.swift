import Glibc
import Pipeline
import Resources

/// A store that knows where its tables are, so that two resources with the same one are known to be.
protocol LocatedStore: RowStore {
    /// Never shown: it may have a password in it.
    var location: String { get }
}

extension SQLite: LocatedStore {
    /// The file is there once a table was prepared.
    var location: String {
        guard let real = realpath(path, nil) else { return "sqlite \(path)" }
        defer { free(real) }
        return "sqlite \(String(cString: real))"
    }
}

extension Postgres: LocatedStore {
    var location: String { "postgres \(url.revealed)" }
}

extension Supabase: LocatedStore {
    var location: String { "supabase \(url)" }
}
