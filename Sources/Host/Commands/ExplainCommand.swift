import ArgumentParser
import Pipeline
import PipelineCatalog
import Server

struct ExplainCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "explain", abstract: "What clients wait for, what can be lost and when, the longest delays.",
            discussion: """
                With --against it compares what the files promise with what others promised, and exits with 1 where a \
                promise got weaker, or a file can't be read.
                """)
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(
        help: ArgumentHelp(
            "The old file, to compare with: what got weaker, what stronger. Once for each file.",
            valueName: "old pipeline"))
    var against: [String] = []

    func validate() throws { try pipelines.validate(for: Host.self) }

    func run() async throws {
        LogOutput.silence()
        let files = try PipelineArguments.good(pipelines.loadEach(for: Host.self))
        if !against.isEmpty { return try compare(files) }
        var texts: [String] = []
        for file in files {
            texts.append(await ([Explanation(file).text] + serverAdvice(for: file)).joined(separator: "\n"))
        }
        print(texts.joined(separator: "\n\n"))
    }

    /// - Throws: `ExitCode.failure` where a promise got weaker.
    private func compare(_ files: [PipelineFile]) throws {
        var former = pipelines
        former.paths = against
        let old = try PipelineArguments.good(former.loadEach(for: Host.self))
        let comparison = GuaranteeComparison(
            of: old, with: files, host: (HostSettings.of(old), HostSettings.of(files)))
        print(comparison.text)
        if !comparison.changes(.weaker).isEmpty { throw ExitCode.failure }
    }

    /// What the databases' servers do not promise, as they say themselves: no file can say it.
    private func serverAdvice(for file: PipelineFile) async -> [String] {
        var lines: [String] = []
        for (name, store) in file.chain.namedResources(of: (any RowStore).self) {
            do {
                lines += try await store.serverAdvice().map { "\(name): \($0)" }
            } catch {
                lines.append("\(name): it does not answer, so that it is not known what it promises: \(error)")
            }
        }
        return lines.isEmpty ? [] : ["", "What the databases say of themselves:"] + lines.map { "  \($0)" }
    }
}
