import Foundation

/// The stand-in for Supabase's REST API over the tests' own PostgreSQL; ends when the tests do.
final class PostgRESTServer: Sendable {
    struct Missing: Error, CustomStringConvertible {
        let description = "the tests' Python clients are not installed: run 'scripts/setup --tests'"
    }

    static let anonKey = "anon-key-1234567890"
    static let serviceKey = "service-key-1234567890"

    static var shared: PostgRESTServer {
        get async throws { try await starting.value }
    }

    private static let starting = Task { try await PostgRESTServer(PostgresServer.shared) }

    let database: PostgresServer
    let port: Int

    var url: String { "http://127.0.0.1:\(port)" }

    private init(_ database: PostgresServer) async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized.path()
        let python = "\(root)/.build/venv/bin/python"
        guard FileManager.default.isExecutableFile(atPath: python) else { throw Missing() }
        self.database = database
        let file = "/tmp/stagecoach-postgrest-\(UUID().uuidString.prefix(8))"
        let script = "\(root)/Tests/Integration/postgrest_server.py"
        try await shell(
            "setsid \(python) \(script) '\(database.url())' \(getpid()) </dev/null >\(file) 2>\(file).err &")
        let isUp = await eventually(within: .seconds(30)) {
            (try? String(contentsOfFile: file, encoding: .utf8))?.hasSuffix("\n") == true
        }
        let said = (try? String(contentsOfFile: isUp ? file : "\(file).err", encoding: .utf8)) ?? ""
        for path in [file, "\(file).err"] { unlink(path) }
        struct NotStarted: Error { let said: String }
        guard let port = Int(said.trimmingCharacters(in: .whitespacesAndNewlines)) else { throw NotStarted(said: said) }
        self.port = port
    }
}
