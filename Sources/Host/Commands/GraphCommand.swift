import ArgumentParser
import Pipeline
package import PipelineCatalog

struct GraphCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "graph", abstract: "Draw pipelines.")
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(help: "text, mermaid, dot or svg.")
    var format = GraphFormat.text

    func validate() throws { try pipelines.validate(for: Host.self) }

    func run() async throws {
        let files = try PipelineArguments.good(pipelines.loadEach(for: Host.self))
        print(format.draw(files.map { PipelineGraph($0) }))
    }
}

extension GraphFormat: ExpressibleByArgument {}
