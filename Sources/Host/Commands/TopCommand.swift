import ArgumentParser
import Foundation
import Pipeline

struct TopCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "top", abstract: "A running host, live: rates, delays, errors and queues of each stage.",
            discussion: "Where the host asks for an operator's key, it is taken from STAGECOACH_KEY. 'q' ends it.")
    }

    @OptionGroup var watched: WatchedHost

    @Flag(help: "Show it once and end.")
    var once = false

    @Flag(help: "The events of the host's feed as they come, a JSON object on each line.")
    var json = false

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        let terminal = Terminal(hasScreen: !once && !json, environment: environment)
        let text = TerminalText(hasColors: terminal.hasColors)
        let feed = try watched.feed(environment)
        let screen = TopScreen(address: feed.address.text, text: text)
        let (once, json) = (once, json)
        try await watched.watch(terminal) {
            try await feed.read { event in
                if json { Terminal.write(event.json + "\n") }
                guard event.type == "figures" else { return true }
                if json { return !once }
                if terminal.isThere {
                    let (columns, rows) = terminal.size
                    terminal.draw(screen.lines(event.value, columns: columns, rows: once ? .max : rows))
                } else {
                    Terminal.write(TopScreen.plainLines(event.value).map { $0 + "\n" }.joined())
                }
                return !once
            }
        }
    }
}
