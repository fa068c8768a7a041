import Pipeline
import Server

/// A rule by which Prometheus raises an alert.
struct AlertRule {
    enum Severity: String {
        /// Clients notice, or something is being lost.
        case critical
        /// Somebody should look at it today.
        case warning
    }

    let name: String
    let expression: String
    /// For how long it must hold, as Prometheus writes durations.
    var duration = "0m"
    let severity: Severity
    /// What has happened, in one line; `{{ $labels.NAME }}` is a label's value.
    let summary: String
    /// What to do.
    let action: String
}

extension AlertRule {
    /// The rules of every metric as a file of rules for Prometheus.
    static var file: String {
        var lines = [
            "# Made by 'stagecoach metrics --format alerts' of stagecoach \(ProgramVersion.number).",
            "groups:", "  - name: stagecoach", "    rules:",
        ]
        for rule in MetricDeclaration.all.flatMap(\.watch.alerts) {
            lines.append(contentsOf: rule.lines.map { "      \($0)" })
        }
        return lines.joined(separator: "\n")
    }

    /// A string in JSON's form is one of YAML's, too.
    private var lines: [String] {
        [
            "- alert: \(name)",
            "  expr: \(JSONText.quoted(expression))",
            "  for: \(duration)",
            "  labels: {severity: \(severity.rawValue)}",
            "  annotations:",
            "    summary: \(JSONText.quoted(summary))",
            "    description: \(JSONText.quoted(action))",
        ]
    }
}
