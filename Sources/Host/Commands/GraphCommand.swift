public import ArgumentParser
public import Pipeline

struct GraphCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "graph", abstract: "Draw a pipeline.")
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(help: "text, mermaid, dot or svg.")
    var format = GraphFormat.text

    func run() async throws {
        for file in try pipelines.loadGood(for: Host.self) {
            print(format.draw(PipelineGraph(file)))
        }
    }
}

extension GraphFormat: ExpressibleByArgument {}
