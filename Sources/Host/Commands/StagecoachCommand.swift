import ArgumentParser
import Pipeline

/// The command line: every command with the stages of one host.
struct StagecoachCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "stagecoach",
            abstract: "Conversation services from one YAML file.",
            version: version,
            subcommands: [
                ServeCommand<Host>.self, WorkCommand<Host>.self, CheckCommand<Host>.self, TestCommand<Host>.self,
                RecordCommand<Host>.self, GraphCommand<Host>.self,
                StagesCommand<Host>.self,
                SessionsCommand<Host>.self, ExplainCommand<Host>.self, DoctorCommand<Host>.self,
                MigrateCommand<Host>.self, ReplayCommand<Host>.self, SchemaCommand<Host>.self,
                TopCommand<Host>.self, TapCommand<Host>.self,
                MetricsCommand<Host>.self, NewCommand<Host>.self,
            ])
    }

    /// With `--verbose` beside `--version` also what it runs with.
    private static var version: String {
        let version = ProgramVersion(commit: Host.commit)
        return CommandLine.arguments.contains("--verbose") ? version.verboseText : version.text
    }
}
