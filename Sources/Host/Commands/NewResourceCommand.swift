import ArgumentParser
import Pipeline

struct NewResourceCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "resource", abstract: "Write a resource in Swift, with a test and a pipeline that uses it.",
            discussion: """
                In a package that is a host the resource becomes part of it. Anywhere else a package is written that is \
                a host, into a folder named after the resource.
                """)
    }

    @Argument(help: "The resource's type: Oracle, RowBox.")
    var name: String

    @Option(help: "What it is: a model, a store of rows, or a kind of its own with a stage that uses it.")
    var kind = ResourceTemplate.Kind.model

    @Option(
        help: ArgumentHelp(
            "Where a new package gets Stagecoach from: a folder with its sources, or the URL of a Git repository.",
            discussion: "Without it, the folder that this program was built in.", valueName: "path-or-url"))
    var stagecoach: String?

    func run() async throws {
        let registry = try Host.registry()
        let taken = Set(registry.resources.keys).union(registry.stages.keys).union(PipelineWords.modifiers)
        try NewPartFiles(stagecoach: stagecoach).write { () throws(NewProblem) in
            ResourceTemplate(name: try PartName(name, of: "resource", besides: taken), kind: kind)
        }
    }
}

extension ResourceTemplate.Kind: ExpressibleByArgument {}
