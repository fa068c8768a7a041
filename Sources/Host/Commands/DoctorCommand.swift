import ArgumentParser
import Pipeline
import Server

struct DoctorCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "doctor",
            abstract: "The live checklist: keys of tokens, database, model, save, read back, a conversation of three.",
            discussion: "It removes what it wrote. The exit code is 1 if a check fails.")
    }

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Flag(help: "Skip the model and the conversation.")
    var quick = false

    @Option(help: "A file with variables that the environment doesn't have. (default: .env, if it exists)")
    var envFile: String?

    func run() async throws {
        LogOutput.silence()
        var arguments = PipelineArguments()
        arguments.paths = [pipeline]
        arguments.envFile = envFile
        guard let file = try arguments.loadGood(for: Host.self).first else { throw ExitCode.failure }
        var isWell = true
        await Doctor(file, isQuick: quick).examine { finding in
            print(finding.line)
            if !finding.isWell { isWell = false }
        }
        if !isWell { throw ExitCode.failure }
    }
}
