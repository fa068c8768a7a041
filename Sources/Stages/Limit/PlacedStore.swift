import Glibc
import Pipeline

/// A store that knows where its tables are, so that two resources with the same one are known to be.
protocol PlacedStore: RowStore {
    /// Never shown: it may have a password in it.
    var place: String { get }
}

extension SQLite: PlacedStore {
    /// The file is there once a table was prepared.
    var place: String {
        guard let real = realpath(path, nil) else { return "sqlite \(path)" }
        defer { free(real) }
        return "sqlite \(String(cString: real))"
    }
}

extension Postgres: PlacedStore {
    var place: String { "postgres \(url.revealed)" }
}

extension Supabase: PlacedStore {
    var place: String { "supabase \(url)" }
}
