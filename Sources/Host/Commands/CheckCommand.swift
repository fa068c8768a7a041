import ArgumentParser
import Pipeline
import PipelineCatalog
import PipelineTesting
import Server

struct CheckCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "check", abstract: "Find every problem of pipeline files, with its place.",
            discussion: """
                Each file is looked at by itself, and of a folder each *.yaml; with --together they are looked at as \
                'serve' would take them, so that two with one path are an error.
                """)
    }

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(help: "How problems are printed: text on standard error, json on standard output.")
    var format = Format.text

    @Flag(help: "Look at the files as if they were served together.")
    var together = false

    @Flag(
        help:
            "Also check that the databases answer and have the columns, and that the issuer has keys for tokens.")
    var live = false

    func validate() throws { try pipelines.validate(for: Host.self) }

    func run() async throws {
        let pipelines = try pipelines.withFilesOfFolders()
        var loaded = HostFiles.check(
            try together ? pipelines.load(for: Host.self) : pipelines.loadEach(for: Host.self))
        // Of files that are served together one says how clients authenticate.
        loaded = together ? NamedLimits.check(loaded) : loaded.flatMap { NamedLimits.check([$0]) }
        loaded = MissingSecrets.check(loaded, knowing: Environment.load(envFile: pipelines.envFile).environment)
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
