import ArgumentParser
import Glibc
import Pipeline
import Server

struct SessionsCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "sessions", abstract: "Stored conversations.")
    }

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Argument(help: "A session's id, for its messages.")
    var id: String?

    @Option(help: "A file with variables that the environment doesn't have. (default: .env, if it exists)")
    var envFile: String?

    @Option(help: "How many sessions or messages are shown at most.")
    var limit = 100

    func validate() throws {
        guard limit >= 0 else { throw ValidationError("--limit must be 0 or more.") }
    }

    func run() async throws {
        LogOutput.bootstrap()
        var arguments = PipelineArguments()
        arguments.paths = [pipeline]
        arguments.envFile = envFile
        let files = try arguments.loadGood(for: Host.self)
        do {
            if let table = files.lazy.flatMap({ StoredTable.all(in: $0.chain) }).first {
                if let id { try await show(id, table) } else { try await list(table) }
                return
            }
        } catch let code as ExitCode {
            throw code
        } catch {
            StandardError.write("error: the stored conversations can't be read: \(error)")
            throw ExitCode.failure
        }
        StandardError.write("error: the pipeline stores nothing; it has no stage 'persist'")
        throw ExitCode.failure
    }

    private func list(_ table: StoredTable) async throws {
        let found = try await table.store.sessions(in: table.name, limit: oneMore)
        let sessions = found.prefix(limit)
        print("session                               messages  last message                 username")
        for session in sessions {
            let count = String(session.messages)
            let padding = String(repeating: " ", count: max(0, 8 - count.count))
            let (id, username) = (PrintableText.indented(session.id), PrintableText.indented(session.username))
            print("\(id)  \(padding)\(count)  \(session.lastMessageAt)  \(username)")
        }
        guard found.count > limit else { return }
        let count = try await (table.store as? any CountingStore)?.sessionCount(in: table.name)
        say(shown: sessions.count, of: count, "sessions")
    }

    private func show(_ id: String, _ table: StoredTable) async throws {
        let found = try await table.store.rows(ofSession: id, in: table.name, limit: oneMore)
        let rows = found.suffix(limit)
        if found.isEmpty {
            StandardError.write("error: no message of session '\(id)' is stored")
            throw ExitCode.failure
        }
        for row in rows {
            let tokens = row.tokensUsed.map { ", \($0) tokens" } ?? ""
            print("\(row.createdAt)  \(PrintableText.indented(row.idText))\(tokens)")
            print("  \(PrintableText.indented(row.username)): \(PrintableText.indented(row.prompt))")
            print("  answer: \(PrintableText.indented(row.response))")
        }
        guard found.count > limit else { return }
        let count = try await (table.store as? any CountingStore)?.rowCount(ofSession: id, in: table.name)
        say(shown: rows.count, of: count, "messages of this session")
    }

    /// Enough to see that there are more than are shown.
    private var oneMore: Int { limit == .max ? limit : limit + 1 }

    /// Says that there is more, where it is no part of what programs read.
    ///
    /// - Parameter count: `nil` where the store does not know it.
    private func say(shown: Int, of count: Int?, _ what: String) {
        fflush(nil)
        let all = max(count ?? 0, shown + 1)
        StandardError.write(
            count == nil
                ? "the latest \(shown) \(what) are shown, and there are more; --limit \(max(1, shown) * 10) shows up to \(max(1, shown) * 10)"
                : "the latest \(shown) of \(all) \(what) are shown; --limit \(all) shows all")
    }
}
