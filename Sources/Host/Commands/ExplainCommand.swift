import ArgumentParser
import Pipeline

struct ExplainCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "explain", abstract: "What clients wait for, what can be lost and when, the longest delays.")
    }

    @OptionGroup var pipelines: PipelineArguments

    func run() async throws {
        let files = try pipelines.loadGood(for: Host.self)
        print(files.map { Explanation($0).text }.joined(separator: "\n\n"))
    }
}
