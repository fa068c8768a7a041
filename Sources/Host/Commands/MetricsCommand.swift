import ArgumentParser
import Pipeline
import Server

struct MetricsCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "metrics", abstract: "What '/metrics' shows, a board for Grafana, and alerts for Prometheus.")
    }

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json, grafana, alerts
    }

    @Option(help: "text; json; grafana for a board to import; alerts for a file of rules for Prometheus.")
    var format = Format.text

    func run() async throws {
        switch format {
        case .text: print(MetricDeclaration.all.map(\.description).joined(separator: "\n"))
        case .json: print(JSONValue.array(MetricDeclaration.all.map(\.json)).json)
        case .grafana: print(try Board.json())
        case .alerts: print(AlertRule.file)
        }
    }
}

extension MetricDeclaration {
    fileprivate var description: String {
        let labels = labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
        return "\(name)\(labels) (\(kind.rawValue))\n    \(help)"
    }

    fileprivate var json: JSONValue {
        .object([
            "name": .string(name), "type": .string(kind.rawValue), "labels": .array(labels.map(JSONValue.string)),
            "help": .string(help),
        ])
    }
}
