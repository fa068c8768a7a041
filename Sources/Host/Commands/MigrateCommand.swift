import ArgumentParser
import Pipeline
import Server

struct MigrateCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "migrate",
            abstract: "Make the tables that a pipeline stores in, with their indexes; running it twice does no harm.")
    }

    @OptionGroup var pipelines: PipelineArguments

    @Flag(help: "Print the SQL instead of running it.")
    var print = false

    func validate() throws { try pipelines.validate(for: Host.self) }

    func run() async throws {
        LogOutput.bootstrap()
        for file in try pipelines.loadGood(for: Host.self) {
            let tables = StoredTable.all(in: file.chain)
            if tables.isEmpty {
                StandardError.write("error: \(file.path) stores nothing; it has no stage 'persist'")
                throw ExitCode.failure
            }
            if print {
                for table in tables { Swift.print(table.store.migration(for: table.name)) }
            } else {
                let start = ContinuousClock.now
                try await Progress.during("migrating \(file.path)") { try await migrate(tables, in: file, $0) }
                let count = "\(tables.count) \(tables.count == 1 ? "table is" : "tables are")"
                StandardError.write("migrate: \(count) ready, after \((ContinuousClock.now - start).roundedWords)")
            }
        }
    }

    private func migrate(_ tables: [StoredTable], in file: PipelineFile, _ progress: Progress) async throws {
        do {
            let missing = tables.compactMap(\.missingFile)
            progress.note("connecting")
            try await file.chain.openResources()
            for path in missing { progress.print("'\(path)' was missing and has been created") }
            for (index, table) in tables.enumerated() {
                progress.count(index, of: tables.count, note: "the table '\(table.name)'")
                try await table.waitUntilReady(within: .seconds(5))
                try await table.store.migrate(table.name)
                progress.print("the table '\(table.name)' is ready")
                for sentence in try await table.advice() { progress.print(sentence) }
            }
            progress.note("closing")
            await file.chain.close()
        } catch {
            await file.chain.close(within: .zero)
            for problem in (error as? TableProblem)?.problems ?? ["\(error)"] {
                StandardError.write("error: \(file.path): \(problem)")
            }
            throw ExitCode.failure
        }
    }
}
