import Pipeline

/// How a stream is to be, or is.
package struct StreamConfiguration: Sendable, Equatable {
    package var name: String
    package var subjects: [String]
    /// `limits`, `interest` or `workqueue`.
    package var retention = "limits"
    /// `file` or `memory`.
    package var storage = "file"
    package var replicas = 1
    /// `new`: what finds no room is refused; `old`: the oldest give way.
    package var discard = "old"
    /// -1 where nothing bounds it, as with the next three.
    package var maxBytes = -1
    package var maxMessages = -1
    package var maxMessagesPerSubject = -1
    package var maxMessageSize = -1
    /// How long messages are kept; `nil` for ever.
    package var maxAge: Duration?
    /// How long the ids of messages are remembered.
    package var duplicateWindow: Duration = .seconds(120)
    /// Whether single messages may be read from any replica.
    package var allowsDirect = true

    package init(name: String, subjects: [String]) {
        (self.name, self.subjects) = (name, subjects)
    }

    init(_ members: [String: JSONValue]) {
        name = members["name"]?.string ?? ""
        subjects = if case .array(let values) = members["subjects"] { values.compactMap(\.string) } else { [] }
        retention = members["retention"]?.string ?? retention
        storage = members["storage"]?.string ?? storage
        replicas = members["num_replicas"]?.whole ?? 1
        discard = members["discard"]?.string ?? discard
        maxBytes = members["max_bytes"]?.whole ?? -1
        maxMessages = members["max_msgs"]?.whole ?? -1
        maxMessagesPerSubject = members["max_msgs_per_subject"]?.whole ?? -1
        maxMessageSize = members["max_msg_size"]?.whole ?? -1
        let age = members["max_age"]?.whole ?? 0
        maxAge = age > 0 ? .nanoseconds(age) : nil
        duplicateWindow = .nanoseconds(members["duplicate_window"]?.whole ?? 0)
        allowsDirect = members["allow_direct"] == .bool(true)
    }

    var json: [UInt8] {
        var text = JSONText()
        text.add("name", name)
        text.add("subjects", .array(subjects.map(JSONValue.string)))
        text.add("retention", retention)
        text.add("storage", storage)
        text.add("num_replicas", .int(replicas))
        text.add("discard", discard)
        text.add("max_bytes", .int(maxBytes))
        text.add("max_msgs", .int(maxMessages))
        text.add("max_msgs_per_subject", .int(maxMessagesPerSubject))
        text.add("max_msg_size", .int(maxMessageSize))
        text.add("max_consumers", .int(-1))
        text.add("max_age", .int(maxAge?.nanoseconds ?? 0))
        text.add("duplicate_window", .int(duplicateWindow.nanoseconds))
        text.add("allow_direct", .bool(allowsDirect))
        return text.finishedBytes
    }
}

/// How a stream is, and how full.
package struct StreamInfo: Sendable {
    package let configuration: StreamConfiguration
    /// When it was made, as the server writes it: another of the same name has another.
    package let created: String
    package let messages: Int
    package let bytes: Int
    package let firstSequence: UInt64
    package let lastSequence: UInt64
    /// How many messages each subject has, of those that were asked for.
    package let subjects: [String: Int]

    init(_ members: [String: JSONValue]) {
        let state: [String: JSONValue] = if case .object(let state) = members["state"] { state } else { [:] }
        if case .object(let configuration) = members["config"] {
            self.configuration = StreamConfiguration(configuration)
        } else {
            configuration = StreamConfiguration([:])
        }
        created = members["created"]?.string ?? ""
        messages = state["messages"]?.whole ?? 0
        bytes = state["bytes"]?.whole ?? 0
        firstSequence = UInt64(clamping: state["first_seq"]?.whole ?? 0)
        lastSequence = UInt64(clamping: state["last_seq"]?.whole ?? 0)
        if case .object(let counts) = state["subjects"] {
            subjects = counts.compactMapValues(\.whole)
        } else {
            subjects = [:]
        }
    }
}

/// How a consumer of a stream is to be. It delivers what is not acknowledged, in order, to who pulls.
package struct ConsumerConfiguration: Sendable {
    package var name: String
    package var filter: String
    /// How long a delivered message may go without an acknowledgement before it is delivered again.
    package var ackWait: Duration
    /// How many messages may be delivered and not acknowledged.
    package var maxAckPending: Int
    /// After how long without a pull the server removes it.
    package var inactiveThreshold: Duration
    package var description = ""

    package init(
        name: String, filter: String, ackWait: Duration, maxAckPending: Int, inactiveThreshold: Duration,
        description: String = ""
    ) {
        (self.name, self.filter, self.ackWait) = (name, filter, ackWait)
        (self.maxAckPending, self.inactiveThreshold) = (maxAckPending, inactiveThreshold)
        self.description = description
    }

    var json: [UInt8] {
        var text = JSONText()
        text.add("durable_name", name)
        if !description.isEmpty { text.add("description", description) }
        text.add("deliver_policy", "all")
        text.add("ack_policy", "explicit")
        text.add("ack_wait", .int(ackWait.nanoseconds))
        text.add("max_deliver", .int(-1))
        text.add("filter_subject", filter)
        text.add("replay_policy", "instant")
        text.add("max_ack_pending", .int(maxAckPending))
        text.add("inactive_threshold", .int(inactiveThreshold.nanoseconds))
        // What is acknowledged leaves the stream, so that nothing is lost with what it remembers.
        text.add("mem_storage", .bool(true))
        return text.finishedBytes
    }
}

extension Duration {
    fileprivate var nanoseconds: Int { Int(self / .nanoseconds(1)) }
}
