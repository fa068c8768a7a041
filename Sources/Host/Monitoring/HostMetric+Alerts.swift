import Server

extension HostMetric {
    /// The alerts that it raises.
    var alerts: [AlertRule] {
        switch self {
        case .buildInfo: [Self.down, Self.noHost, Self.severalVersions]
        case .messages: [Self.messagesFail]
        case .resourceReady: [Self.resourceDown]
        case .queueOldest, .queueUnreadable, .queueDropped, .queueFailed: queueAlerts
        case .keptDropped: [Self.dataDropped]
        case .tokenKeysAge: [Self.oldKeys]
        case .refused: [Self.tooManyClients]
        case .openFiles: [Self.fewFiles]
        case .startTime: [Self.restarts]
        case .spansDropped: [Self.tracesIncomplete]
        default: []
        }
    }

    /// Of metrics that other programs have, too, those of this one.
    private static let ofStagecoach = "and on (job, instance) \(HostMetric.buildInfo.rawValue)"

    private static var down: AlertRule {
        AlertRule(
            name: "StagecoachDown",
            expression: "up == 0 and on (job, instance) last_over_time(\(HostMetric.buildInfo.rawValue)[1d])",
            duration: "1m", severity: .critical, summary: "{{ $labels.instance }} does not answer",
            action: "'systemctl status stagecoach' and 'journalctl -u stagecoach' say why it is not running.")
    }

    private static var noHost: AlertRule {
        AlertRule(
            name: "StagecoachAbsent", expression: "absent(\(HostMetric.buildInfo.rawValue))", duration: "5m",
            severity: .critical, summary: "No host is being scraped",
            action: "Look at Prometheus' list of targets: the host is down, or /metrics refuses Prometheus.")
    }

    private static var severalVersions: AlertRule {
        AlertRule(
            name: "StagecoachSeveralVersions",
            expression: "count by (job) (count by (job, version, commit) (\(HostMetric.buildInfo.rawValue))) > 1",
            duration: "1h", severity: .warning, summary: "Hosts of {{ $labels.job }} run different versions",
            action: "Finish the upgrade, or go back.")
    }

    private static var messagesFail: AlertRule {
        let name = HostMetric.messages.rawValue
        let failed = "sum by (job, instance, pipeline) (rate(\(name){outcome=\"failed\"}[5m]))"
        let all = "sum by (job, instance, pipeline) (rate(\(name)[5m]))"
        return AlertRule(
            name: "StagecoachMessagesFail", expression: "\(failed) / \(all) > 0.1", duration: "5m",
            severity: .critical, summary: "{{ $value | humanizePercentage }} of {{ $labels.pipeline }}'s messages fail",
            action: "The board's errors of stages show which code and which stage; the log has each with its detail.")
    }

    private static var resourceDown: AlertRule {
        AlertRule(
            name: "StagecoachResourceDown", expression: "\(HostMetric.resourceReady.rawValue) == 0", duration: "1m",
            severity: .critical, summary: "{{ $labels.resource }} of {{ $labels.pipeline }} can't be used",
            action: "The log says why; 'stagecoach doctor FILE' tries it.")
    }

    private static var dataDropped: AlertRule {
        AlertRule(
            name: "StagecoachKeptDataDropped", expression: "increase(\(HostMetric.keptDropped.rawValue)[15m]) > 0",
            severity: .warning, summary: "Kept {{ $labels.kind }} are dropped before their time",
            action: "Raise 'host: {limits: {kept: …}}', or lower 'remember' or 'hold'.")
    }

    private static var oldKeys: AlertRule {
        AlertRule(
            name: "StagecoachIssuerKeysOld", expression: "\(HostMetric.tokenKeysAge.rawValue) > 7200",
            severity: .warning, summary: "The issuer's keys are {{ $value | humanizeDuration }} old",
            action: "The issuer of tokens can't be reached; after 24 h clients with tokens are refused.")
    }

    private static var tooManyClients: AlertRule {
        AlertRule(
            name: "StagecoachTooManyClients",
            expression: "increase(\(HostMetric.refused.rawValue){reason=\"too_many\"}[5m]) > 0", duration: "5m",
            severity: .warning, summary: "{{ $labels.instance }} refuses clients, as there are too many",
            action: "Look at the limits of connections in 'host: limits', and at who connects.")
    }

    private static var fewFiles: AlertRule {
        AlertRule(
            name: "StagecoachFewFiles",
            expression:
                "\(HostMetric.openFiles.rawValue) / \(HostMetric.maxFiles.rawValue) > 0.8 \(ofStagecoach)",
            duration: "5m", severity: .warning,
            summary: "{{ $value | humanizePercentage }} of the files that {{ $labels.instance }} may open are open",
            action: "Raise LimitNOFILE in the unit.")
    }

    private static var restarts: AlertRule {
        AlertRule(
            name: "StagecoachRestarts",
            expression: "changes(\(HostMetric.startTime.rawValue)[15m]) > 2 \(ofStagecoach)",
            severity: .critical, summary: "{{ $labels.instance }} restarts again and again",
            action: "'journalctl -u stagecoach' has the last lines before each end.")
    }

    private static var tracesIncomplete: AlertRule {
        AlertRule(
            name: "StagecoachSpansDropped", expression: "increase(\(HostMetric.spansDropped.rawValue)[15m]) > 0",
            severity: .warning, summary: "Traces are incomplete ({{ $labels.reason }})",
            action: "Look at the collector; messages are answered all the same.")
    }

    private var queueAlerts: [AlertRule] {
        let queue = "the queue before {{ $labels.stage }} of {{ $labels.pipeline }}"
        switch self {
        case .queueOldest:
            return [
                AlertRule(
                    name: "StagecoachQueueOld", expression: "\(rawValue) > 300", duration: "5m", severity: .warning,
                    summary: "A message has waited for {{ $value | humanizeDuration }} in \(queue)",
                    action: "Look at the resource that the stage needs, and at the stage's errors.")
            ]
        case .queueUnreadable:
            return [
                AlertRule(
                    name: "StagecoachQueueUnreadable", expression: "\(rawValue) > 0", severity: .warning,
                    summary: "{{ $value }} messages can't be read in \(queue)",
                    action: "The log names them; they stay in the file. Copy the file before anything else.")
            ]
        case .queueDropped:
            return [
                AlertRule(
                    name: "StagecoachQueueDropped", expression: "increase(\(rawValue)[5m]) > 0", severity: .critical,
                    summary: "Messages are dropped, as \(queue) is full",
                    action: "Messages are being lost. Look at what the stage waits for.")
            ]
        case .queueFailed:
            return [
                AlertRule(
                    name: "StagecoachQueueFailed", expression: "increase(\(rawValue)[5m]) > 0", severity: .critical,
                    summary: "Messages fail for good behind \(queue)",
                    action: "The log says why. Where 'dead_letter' keeps them, 'stagecoach replay' puts them back.")
            ]
        default: return []
        }
    }
}
