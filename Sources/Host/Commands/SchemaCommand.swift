import ArgumentParser
import Pipeline
import PipelineCatalog
import PipelineTesting

struct SchemaCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "schema", abstract: "JSON Schema of pipeline files, for editors.",
            discussion: """
                Write it to a file, and name that in the first line of a pipeline file:

                # yaml-language-server: $schema=stagecoach.schema.json
                """)
    }

    func run() async throws {
        print(
            PipelineSchema(
                try Host.registry(), sections: PipelineArguments.sections, tests: TestSection.settingType
            ).json)
    }
}
