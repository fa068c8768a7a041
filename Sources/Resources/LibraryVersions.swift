import CPostgres
import GRDBSQLite

/// Which libraries of databases run.
package enum LibraryVersions {
    /// Each with its version.
    package static var all: [String] {
        // Its number is 10,000 times the major version, and the minor one (libpq's documentation of PQlibVersion).
        let libpq = PQlibVersion()
        return ["SQLite \(String(cString: sqlite3_libversion()))", "libpq \(libpq / 10_000).\(libpq % 10_000)"]
    }
}
