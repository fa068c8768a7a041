package import Pipeline

/// The metrics of the host: what is outside of any stage.
package enum HostMetric: String, CaseIterable {
    case buildInfo = "stagecoach_build_info"
    case connections = "stagecoach_connections"
    case accepted = "stagecoach_connections_accepted_total"
    case webSockets = "stagecoach_websocket_connections"
    case closes = "stagecoach_websocket_closes_total"
    case refused = "stagecoach_requests_refused_total"
    case cut = "stagecoach_connections_cut_total"
    case outbound = "stagecoach_outbound_bytes"
    case inbound = "stagecoach_inbound_bytes"
    case messages = "stagecoach_messages_total"
    case resourceReady = "stagecoach_resource_ready"
    case keptBytes = "stagecoach_kept_bytes"
    case keptDropped = "stagecoach_kept_dropped_total"
    case queueMessages = "stagecoach_queue_messages"
    case queueOldest = "stagecoach_queue_oldest_seconds"
    case queueUnreadable = "stagecoach_queue_unreadable"
    case queueRetries = "stagecoach_queue_retries_total"
    case queueDropped = "stagecoach_queue_dropped_total"
    case queueFailed = "stagecoach_queue_failed_total"
    case queueRedelivered = "stagecoach_queue_redelivered_total"
    case queueGivenBack = "stagecoach_queue_given_back_total"
    case queueAcknowledged = "stagecoach_queue_acknowledged_total"
    case queueAcknowledging = "stagecoach_queue_acknowledging_seconds"
    case queuePartitions = "stagecoach_queue_partitions"
    case spansExported = "stagecoach_trace_spans_exported_total"
    case spansDropped = "stagecoach_trace_spans_dropped_total"
    case tokenKeyFetches = "stagecoach_token_key_fetches_total"
    case tokenKeysAge = "stagecoach_token_keys_age_seconds"
    case processorTime = "process_cpu_seconds_total"
    case memory = "process_resident_memory_bytes"
    case openFiles = "process_open_fds"
    case maxFiles = "process_max_fds"
    case startTime = "process_start_time_seconds"

    /// What its values mean.
    package var kind: MetricKind {
        switch self {
        case .accepted, .closes, .refused, .cut, .messages, .keptDropped, .queueRetries, .queueDropped, .queueFailed,
            .queueRedelivered, .queueGivenBack, .queueAcknowledged, .spansExported, .spansDropped, .tokenKeyFetches,
            .processorTime:
            .counter
        case .buildInfo, .connections, .webSockets, .outbound, .inbound, .resourceReady, .keptBytes, .queueMessages,
            .queueOldest, .queueUnreadable, .queuePartitions, .tokenKeysAge, .memory, .openFiles, .maxFiles, .startTime:
            .gauge
        case .queueAcknowledging: .histogram
        }
    }

    /// The names of its labels.
    package var labels: [String] {
        switch self {
        case .buildInfo: ["version", "commit"]
        case .closes: ["code"]
        case .refused, .cut, .spansDropped: ["reason"]
        case .messages: ["pipeline", "outcome"]
        case .resourceReady: ["pipeline", "resource"]
        case .keptBytes, .keptDropped: ["kind"]
        case .queueMessages, .queueOldest, .queueUnreadable, .queueRetries, .queueDropped, .queueFailed,
            .queueRedelivered, .queueGivenBack, .queueAcknowledged, .queueAcknowledging, .queuePartitions:
            ["pipeline", "stage"]
        case .tokenKeyFetches: ["outcome"]
        case .connections, .accepted, .webSockets, .outbound, .inbound, .spansExported, .tokenKeysAge, .processorTime,
            .memory, .openFiles, .maxFiles, .startTime:
            []
        }
    }

    /// What it says, in one sentence.
    package var help: String {
        switch self {
        case .buildInfo: "Always 1; the labels say which version is running, and of which commit it was built."
        case .connections: "Connections that are open, WebSockets or not."
        case .accepted: "Connections that were accepted."
        case .webSockets: "WebSockets that are open."
        case .closes: "WebSockets that were closed, by code; 1006 is one that ended without a close."
        case .refused: "Handshakes and requests that were refused, by reason."
        case .cut: "Connections that were reset, by the limit that they went past: write or outbound."
        case .outbound: "Bytes that wait for clients to take them."
        case .inbound: "Bytes of WebSocket clients that have arrived and wait to be worked on."
        case .messages: "Messages that ended, by outcome: answered, failed, cancelled, or without an answer."
        case .resourceReady: "Whether a resource can be used: 1 or 0."
        case .keptBytes: "Bytes kept of clients beyond their connections: answers, sessions, messages of who has left."
        case .keptDropped: "What of that had to go before its time, as limits.kept was reached."
        case .queueMessages: "Messages that wait or are being worked on."
        case .queueOldest: "How long ago the oldest of them was received."
        case .queueUnreadable: "Messages found in the queue's file since the start that can't be read."
        case .queueRetries: "Runs that failed and were made again."
        case .queueDropped: "Messages dropped because the queue was full."
        case .queueFailed: "Messages that failed for good."
        case .queueRedelivered: "Messages that a queue of several hosts delivered here again."
        case .queueGivenBack: "Messages that were given back for a worker with another version of the file."
        case .queueAcknowledged: "Messages that a queue of several hosts acknowledged as kept."
        case .queueAcknowledging: "How long those acknowledgements took."
        case .queuePartitions: "Partitions of a queue of several hosts that this process works on."
        case .spansExported: "Spans that the collector took."
        case .spansDropped: "Spans that were dropped: too many waited (full), or the collector took none (export)."
        case .tokenKeyFetches: "How often an issuer was asked for its keys, by outcome: ok or failed."
        case .tokenKeysAge: "How long ago the issuer's keys came by which tokens are checked."
        case .processorTime: "Processor time of the process, in user and kernel mode together."
        case .memory: "Resident memory of the process."
        case .openFiles: "Files and sockets that the process has open."
        case .maxFiles: "Files and sockets that the process may have open."
        case .startTime: "When the process started, in seconds since 1970."
        }
    }
}
