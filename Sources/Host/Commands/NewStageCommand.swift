import ArgumentParser
import Pipeline
import Server

struct NewStageCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "stage", abstract: "Write a stage in Swift, with a test and a pipeline that uses it.",
            discussion: """
                In a package that is a host the stage becomes part of it. Anywhere else a package is written that is a \
                host, into a folder named after the stage.
                """)
    }

    @Argument(help: "The stage's type: Shout, WordCount.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "Where a new package gets Stagecoach from: a folder with its sources, or the URL of a Git repository.",
            discussion: "Without it, the folder that this program was built in.", valueName: "path-or-url"))
    var stagecoach: String?

    func run() async throws {
        let taken = Set(try Host.registry().stages.keys).union(PipelineWords.modifiers)
        try NewPartFiles(stagecoach: stagecoach).write { () throws(NewProblem) in
            StageTemplate(name: try PartName(name, besides: taken))
        }
    }
}
