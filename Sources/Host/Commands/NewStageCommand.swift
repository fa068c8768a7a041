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
        do throws(NewProblem) {
            let name = try StageName(name, besides: taken)
            if let package = try HostPackage.find() {
                try add(name, to: package)
            } else {
                try writePackage(name)
            }
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    private func add(_ name: StageName, to package: HostPackage) throws(NewProblem) {
        let files = package.files(for: name)
        try files.write()
        print(
            """
            \(files.all.map(\.path).joined(separator: "\n"))
            \(package.list(name))

            Next:
              \(package.swift("test"))
              \(package.swift("run")) \(package.target) stages \(name.inFiles)
              \(package.swift("run")) \(package.target) serve \(name.ofPackage).yaml
            """)
    }

    private func writePackage(_ name: StageName) throws(NewProblem) {
        let template = HostTemplate(name: name, dependency: try StagecoachDependency(named: stagecoach))
        let files = template.files
        try files.write()
        print(
            """
            \(files.all.map(\.path).joined(separator: "\n"))

            \(template.dependency.words)

            Next:
              cd \(name.ofPackage)
              \(template.dependency.swift("test"))
              \(template.dependency.swift("run")) \(name.host) stages \(name.inFiles)
              \(template.dependency.swift("run")) \(name.host) serve \(name.ofPackage).yaml
            """)
    }
}
