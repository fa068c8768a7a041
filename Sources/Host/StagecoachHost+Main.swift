import ArgumentParser
import Glibc
import Server

extension StagecoachHost {
    /// Runs the command line.
    @concurrent public static func main() async {
        let commands = StagecoachCommand<Self>.configuration.subcommands.compactMap { $0.configuration.commandName }
        if let problem = UnknownCommand(in: Array(CommandLine.arguments.dropFirst()), commands: commands) {
            StandardError.write("error: \(problem)")
            // As for every other argument that is not understood (sysexits(3)).
            exit(EX_USAGE)
        }
        await StagecoachCommand<Self>.main()
    }
}
