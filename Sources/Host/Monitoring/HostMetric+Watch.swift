import Server

extension HostMetric {
    /// How operators watch it.
    var watch: MetricWatch {
        switch self {
        case .messages: MetricWatch(row: .messages, title: "Messages that ended", alerts: alerts)
        case .buildInfo: MetricWatch(row: .process, title: "Running versions", alerts: alerts)
        case .queueMessages: MetricWatch(row: .queues, title: "Messages in queues")
        case .queueOldest: MetricWatch(row: .queues, title: "Age of the oldest message", alerts: alerts)
        case .queueUnreadable: MetricWatch(row: .queues, title: "Messages that can't be read", alerts: alerts)
        case .queueRetries: MetricWatch(row: .queues, title: "Retries behind queues")
        case .queueDropped: MetricWatch(row: .queues, title: "Messages dropped by full queues", alerts: alerts)
        case .queueFailed: MetricWatch(row: .queues, title: "Messages failed for good", alerts: alerts)
        case .queueRedelivered: MetricWatch(row: .queues, title: "Messages delivered again")
        case .queueGivenBack: MetricWatch(row: .queues, title: "Messages given back")
        case .queueAcknowledged: MetricWatch(row: .queues, title: "Messages acknowledged by the queue")
        case .queueAcknowledging: MetricWatch(row: .queues, title: "Time of acknowledgements")
        case .queuePartitions: MetricWatch(row: .queues, title: "Partitions worked on")
        case .resourceReady: MetricWatch(row: .resources, title: "Resources that are ready", alerts: alerts)
        case .keptBytes: MetricWatch(row: .resources, title: "Data kept of clients")
        case .keptDropped: MetricWatch(row: .resources, title: "Kept data dropped early", alerts: alerts)
        case .tokenKeyFetches: MetricWatch(row: .resources, title: "Requests for the issuer's keys")
        case .tokenKeysAge: MetricWatch(row: .resources, title: "Age of the issuer's keys", alerts: alerts)
        case .connections: MetricWatch(row: .clients, title: "Open connections")
        case .accepted: MetricWatch(row: .clients, title: "Accepted connections")
        case .webSockets: MetricWatch(row: .clients, title: "Open WebSockets")
        case .closes: MetricWatch(row: .clients, title: "Closed WebSockets")
        case .refused: MetricWatch(row: .clients, title: "Refused requests", alerts: alerts)
        case .cut: MetricWatch(row: .clients, title: "Connections that were reset")
        case .outbound: MetricWatch(row: .clients, title: "Bytes waiting for clients")
        case .inbound: MetricWatch(row: .clients, title: "Bytes of clients waiting")
        case .processorTime: MetricWatch(row: .process, title: "Processors in use")
        case .memory: MetricWatch(row: .process, title: "Resident memory")
        case .openFiles: MetricWatch(row: .process, title: "Open files", alerts: alerts)
        case .maxFiles: MetricWatch(row: .process, title: "Limit of open files")
        case .startTime: MetricWatch(row: .process, title: "Uptime", expression: .age, alerts: alerts)
        case .spansExported: MetricWatch(row: .process, title: "Exported spans")
        case .spansDropped: MetricWatch(row: .process, title: "Dropped spans", alerts: alerts)
        }
    }
}
