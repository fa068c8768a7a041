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
        let start = ContinuousClock.now
        var (count, bad) = (0, 0)
        await Progress.during("examining \(pipeline)") { progress in
            await Doctor(file, isQuick: quick).examine(
                { finding in
                    progress.print(finding.line)
                    count += 1
                    if !finding.isWell { bad += 1 }
                }, about: { progress.note($0) })
        }
        let seen = bad == 0 ? "all \(count) are well" : "\(bad) of \(count) \(bad == 1 ? "is" : "are") not well"
        StandardError.write("doctor: \(seen), after \((ContinuousClock.now - start).roundedWords)")
        if bad > 0 { throw ExitCode.failure }
    }
}
