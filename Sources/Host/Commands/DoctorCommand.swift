import ArgumentParser
import Pipeline

struct DoctorCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "doctor",
            abstract: "The live checklist: keys of tokens, database, model, save, read back, a conversation of three.",
            discussion: "It removes what it wrote. It ends with 1 where a check fails.")
    }

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Flag(help: "Leave the model out, and the conversation with it.")
    var quick = false

    @Option(help: "Where variables stand that the environment doesn't have. (default: .env, if it is there)")
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
