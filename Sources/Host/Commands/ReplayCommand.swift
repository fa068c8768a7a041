import ArgumentParser
import Pipeline
import Server

struct ReplayCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "replay", abstract: "Put dead letters back: run their stage again for each.",
            discussion: """
                What fails again goes back to the file, with its new error; so does a line that is no dead letter. A host \
                may go on writing to it. A replay that was interrupted goes on where it was.
                """)
    }

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Argument(help: "The file of dead letters.")
    var file: String

    @Option(help: "A file with variables that the environment doesn't have. (default: .env, if it exists)")
    var envFile: String?

    func run() async throws {
        LogOutput.bootstrap()
        var arguments = PipelineArguments()
        arguments.paths = [pipeline]
        arguments.envFile = envFile
        guard let chain = try arguments.loadGood(for: Host.self).first?.chain else { throw ExitCode.failure }
        do {
            let outcome = try await Progress.during("replaying \(file)") { progress in
                try await Replay(chain: chain, path: file, progress: progress).run()
            }
            print("\(outcome.done) of \(outcome.done + outcome.failed) messages replayed")
            for number in outcome.unreadable {
                StandardError.write("error: line \(number) of \(file) is no dead letter; it was put back")
            }
            if outcome.failed > 0 { StandardError.write("error: \(outcome.failed) failed again; they are in \(file)") }
            if outcome.failed > 0 || !outcome.unreadable.isEmpty { throw ExitCode.failure }
        } catch let code as ExitCode {
            throw code
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }
}
