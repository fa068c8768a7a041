import ArgumentParser
import Foundation

struct ServeCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "serve", abstract: "Serve pipelines over WebSocket and HTTP.")
    }

    @OptionGroup var pipelines: PipelineArguments

    @OptionGroup var serving: ServingArguments

    @Flag(
        help: "Read the files again when they change, as SIGHUP does; they apply from the next message on.")
    var watch = false

    @Flag(help: "Leave what waits in queues that hosts share to others, such as 'stagecoach work'.")
    var noWork = false

    func validate() throws { try pipelines.validate(for: Host.self) }

    func run() async throws {
        try await serving.serve(pipelines, as: Host.self, watches: watch, leavesShared: noWork) { line in
            print(line)
            fflush(nil)
        }
    }
}
