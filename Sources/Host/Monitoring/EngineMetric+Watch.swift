import Pipeline

extension EngineMetric {
    /// How operators watch it.
    var watch: MetricWatch {
        switch self {
        case .stageReceived: MetricWatch(row: .stages, title: "Messages to stages")
        case .stageSent: MetricWatch(row: .stages, title: "Messages passed on by stages")
        case .stageErrors: MetricWatch(row: .stages, title: "Errors of stages")
        case .stageRetries: MetricWatch(row: .stages, title: "Retries of stages")
        case .stageDuration: MetricWatch(row: .stages, title: "Durations of stages")
        case .modelTokens: MetricWatch(row: .stages, title: "Tokens")
        case .modelFallbacks:
            MetricWatch(
                row: .stages, title: "Calls of fallback models",
                alerts: [
                    AlertRule(
                        name: "StagecoachModelFallback", expression: "increase(\(rawValue)[5m]) > 0", duration: "5m",
                        severity: .warning,
                        summary: "Model {{ $labels.to }} answers in place of {{ $labels.from }} ({{ $labels.code }})",
                        action: "Look into the log for the reason that the first model fails; clients are answered.")
                ])
        case .unreadableRows:
            MetricWatch(
                row: .resources, title: "Rows that can't be read",
                alerts: [
                    AlertRule(
                        name: "StagecoachRowsUnreadable", expression: "increase(\(rawValue)[15m]) > 0",
                        severity: .warning,
                        summary: "Rows of {{ $labels.resource }} can't be read by their column {{ $labels.column }}",
                        action: "The log names each row by its id. Correct the rows, or what else writes to the table.")
                ])
        }
    }
}
