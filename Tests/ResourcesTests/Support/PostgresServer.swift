import Foundation
import Glibc

/// A PostgreSQL server of the tests' own, on a free port, which ends when the tests do.
final class PostgresServer: Sendable {
    struct Missing: Error, CustomStringConvertible {
        let description = "PostgreSQL's server is not installed: run 'scripts/setup --tests'"
    }

    /// The one that tests share which don't stop it. Tables are theirs, each has another name.
    static var shared: PostgresServer {
        get async throws { try await starting.value }
    }

    private static let starting = Task { try await PostgresServer() }

    let port: Int
    private let folder: String
    private let binaries: String

    /// A server that runs.
    init() async throws {
        let parent = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        let folders = versions.sorted { (Double($0) ?? 0) > (Double($1) ?? 0) }.map { "\(parent)/\($0)/bin" }
        guard let binaries = folders.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/initdb") })
        else { throw Missing() }
        self.binaries = binaries
        port = try freePort()
        folder = "/tmp/stagecoach-postgres-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        if getuid() == 0 { try await shell("chown postgres \(folder)") }
        // Whatever ends the tests, a shell that outlives them ends the server.
        let farewell = "\(binaries)/pg_ctl -D \(folder)/data -m immediate stop; rm -rf \(folder)"
        try await asUser(
            """
            setsid sh -c 'while [ -d /proc/\(getpid()) ]; do sleep 0.5; done; \(farewell)' \
            </dev/null >/dev/null 2>&1 &
            """)
        try await asUser("\(binaries)/initdb -D \(folder)/data -U postgres -A trust -E UTF8 --locale=C --no-sync")
        try await asUser(
            """
            cd \(folder)/data
            sed -i '1i host all careful 127.0.0.1/32 scram-sha-256' pg_hba.conf
            printf '%s\\n' 'port=\(port)' "listen_addresses='127.0.0.1'" "unix_socket_directories='\(folder)'" \
              fsync=off max_connections=300 shared_buffers=16MB >>postgresql.conf
            """)
        try await start()
        // Once: grants that meet in one catalog row fail.
        try await execute("GRANT ALL ON SCHEMA public TO PUBLIC")
    }

    /// A connection URL.
    func url(user: String = "postgres", password: String? = nil) -> String {
        "postgresql://\(user)\(password.map { ":\($0)" } ?? "")@127.0.0.1:\(port)/postgres"
    }

    func start() async throws {
        try await asUser("\(binaries)/pg_ctl -D \(folder)/data -l \(folder)/log -w start")
    }

    func stop() async throws {
        try await asUser("\(binaries)/pg_ctl -D \(folder)/data -m fast -w stop")
    }

    /// Runs SQL by another client, and gives what it printed.
    @discardableResult
    func execute(_ sql: String) async throws -> String {
        try await shell("\(binaries)/psql -qtAX -v ON_ERROR_STOP=1 -d '\(url())' <<'END OF SQL'\n\(sql)\nEND OF SQL\n")
    }

    /// The server refuses to run as root.
    private func asUser(_ script: String) async throws {
        let user = getuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --clear-groups" : ""
        try await shell("\(user) sh -e <<'END OF SCRIPT'\n\(script)\nEND OF SCRIPT\n")
    }
}

/// A port that was free a moment ago.
func freePort() throws -> Int {
    let listener = try SilentListener()
    return listener.port
}

/// Accepts connections, by the system's backlog, and never says a word.
final class SilentListener: Sendable {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRINUSE) }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }
}
