import ArgumentParser
import Pipeline

struct ExplainCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "explain", abstract: "What clients wait for, what can be lost and when, the longest delays.")
    }

    @OptionGroup var pipelines: PipelineArguments

    func run() async throws {
        LogOutput.silence()
        var texts: [String] = []
        for file in try pipelines.loadGood(for: Host.self) {
            texts.append(await ([Explanation(file).text] + serverAdvice(for: file)).joined(separator: "\n"))
        }
        print(texts.joined(separator: "\n\n"))
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
