import ArgumentParser
import Foundation
import Pipeline
import Server

struct TapCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "tap", abstract: "The messages of a running host, live, as they leave its stages.",
            discussion: "Where the host asks for an operator's key, it is taken from STAGECOACH_KEY. 'q' ends it.")
    }

    @OptionGroup var watched: WatchedHost

    @Option(help: "The label of the stage whose messages are shown; without it those of every stage.")
    var stage: String?

    @Option(help: "The session whose messages are shown.")
    var session: String?

    @Flag(help: "Show prompts and answers, where the host's file says 'host: {tap: content}'.")
    var content = false

    @Flag(help: "A JSON object on each line.")
    var json = false

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let terminal = Terminal(hasScreen: false, environment: environment)
        let text = TerminalText(hasColors: terminal.hasColors)
        let feed = try watched.feed(environment)
        let (stage, session, content, json) = (stage, session, content, json)
        try await watched.watch(terminal) {
            try await feed.read(tap: stage ?? "*", session: session) { event in
                switch event.type {
                case "pipelines" where content && event.value.string("tap") != "content":
                    throw HostFeed.Problem(
                        description: "the host shows no prompts and answers: its file says 'host: {tap: "
                            + "\(event.value.string("tap"))}', and 'content' would")
                case "message" where json:
                    Terminal.write(TapLine.json(event.value, showsContent: content) + "\n")
                case "message":
                    let columns = terminal.isThere ? terminal.size.columns : nil
                    let line = TapLine(text: text, columns: columns, showsContent: content)
                    Terminal.write(line.lines(event.value).map { $0 + "\n" }.joined())
                case "omitted":
                    let count = ConsoleNumber.whole(event.value.number("messages"))
                    StandardError.write("\(count) more messages are not shown: they come too fast")
                default: break
                }
                return true
            }
        }
    }
}
