import ArgumentParser
import Pipeline

struct CheckCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "check", abstract: "Find every problem of pipeline files, with its place.")
    }

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(help: "How problems are printed: text on standard error, json on standard output.")
    var format = Format.text

    @Flag(
        help:
            "Look at the databases, too, whether they answer and have the columns, and at the issuer's keys of tokens.")
    var live = false

    func run() async throws {
        var loaded = await HostFiles.check(try pipelines.load(for: Host.self))
        loaded = NamedLimits.check(loaded)
        let tests = try pipelines.loadTests(for: Host.self)
        loaded += tests.map { LoadedPipeline(file: nil, diagnostics: $0.diagnostics, source: $0.source) }
        if live { loaded = await LiveCheck.run(loaded) }
        switch format {
        case .json:
            print(DiagnosticFormatter.json(loaded.flatMap(\.diagnostics)))
        case .text:
            StandardError.write(report: loaded)
            for file in loaded.filter({ !$0.hasErrors }).compactMap(\.file) {
                print("\(file.path): ok, pipeline \(file.name) with \(file.chain.labels.count) stages")
                for note in file.chain.asynchronousNotes { print("  \(note)") }
            }
            for tests in tests.compactMap(\.tests) {
                print("\(tests.source.path): ok, \(tests.entries.count) test\(tests.entries.count == 1 ? "" : "s")")
            }
        }
        if loaded.contains(where: \.hasErrors) { throw ExitCode.failure }
    }
}
