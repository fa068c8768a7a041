import ArgumentParser
import FoundationEssentials
import Pipeline
import PipelineCatalog
import PipelineTesting
import Server

struct NewPipelineCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "pipeline",
            abstract: "Write NAME.yaml, a conversation service that needs no key, and the schema for editors beside it."
        )
    }

    @Argument(help: "The pipeline's name: letters, digits, '-' and '_'.")
    var name: String

    func run() async throws {
        let schema = "stagecoach.schema.json"
        do throws(NewProblem) {
            let name = try PipelineTemplate.checked(name)
            var files = NewFiles()
            files.add("\(name).yaml", PipelineTemplate.text(name: name, schema: schema))
            if !FileManager.default.fileExists(atPath: schema) { files.add(schema, try self.schema()) }
            try files.write()
            print(
                """
                \(files.all.map(\.path).joined(separator: "\n"))

                Next:
                  stagecoach check \(name).yaml
                  stagecoach serve \(name).yaml
                """)
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    private func schema() throws(NewProblem) -> String {
        do {
            return PipelineSchema(
                try Host.registry(), sections: PipelineArguments.sections, tests: TestSection.settingType
            ).json
        } catch {
            throw NewProblem("\(error)")
        }
    }
}
