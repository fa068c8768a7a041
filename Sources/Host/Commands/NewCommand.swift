import ArgumentParser

struct NewCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "new",
            abstract: "Write a stage, a resource or a pipeline to begin with; nothing is overwritten.",
            subcommands: [
                NewStageCommand<Host>.self, NewResourceCommand<Host>.self, NewPipelineCommand<Host>.self,
            ])
    }
}
