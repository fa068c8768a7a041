import Pipeline

/// What the feed says each second, as JSON.
struct ConsoleFigures {
    let pipelines: [ServedPipeline]
    let sample: ConsoleSample
    let base: ConsoleSample
    /// What is shown of messages.
    let tap: TapRule
    /// How many feeds there are.
    let feeds: Int
    /// The last reload; `nil` where there was none.
    let reload: ReloadReport?
    /// Takes secrets out of texts.
    let redact: Redaction

    private var seconds: Double { max(0.001, (sample.time - base.time) / .seconds(1)) }

    var text: String {
        var event = JSONMembers(type: "figures")
        event.add("time", .string(Timestamp.now.description))
        event.add("over", raw: ConsoleNumber.text(seconds))
        event.add("connections", .int(sample.connections))
        event.add("websockets", .int(sample.webSockets))
        event.add("consoles", .int(feeds))
        event.add("notes", list: notes.map(JSONText.quoted))
        event.add("pipelines", list: pipelines.map(text(of:)))
        event.add("fallbacks", list: fallbacks.map(\.text))
        event.add("reload", raw: reload?.text ?? "null")
        return event.text
    }

    private func text(of pipeline: ServedPipeline) -> String {
        var object = JSONMembers()
        object.add("name", .string(pipeline.name))
        let before = base.outcomes[pipeline.name] ?? [:]
        var rates = JSONMembers()
        for (outcome, count) in (sample.outcomes[pipeline.name] ?? [:]).sorted(by: { $0.key < $1.key }) {
            let ended = count - min(count, before[outcome] ?? 0)
            rates.add(outcome, raw: ConsoleNumber.text(Double(ended) / seconds))
        }
        object.add("messages", raw: rates.text)
        object.add("stages", list: pipeline.chain.all.map { text(of: $0, in: pipeline.name) })
        object.add("resources", list: pipeline.chain.readiness.map(text(ofResource:)))
        return object.text
    }

    private func text(of step: StepRunner, in pipeline: String) -> String {
        let key = ConsoleSample.StageKey(pipeline: pipeline, label: step.label)
        let counts = sample.stages[key] ?? ConsoleSample.StageCounts()
        let figures = StageFigures(from: base.stages[key], to: counts, in: seconds)
        var object = JSONMembers()
        object.add("label", .string(step.label))
        object.add("rate", raw: ConsoleNumber.text(figures.rate))
        object.add("p50", raw: ConsoleNumber.text(figures.p50, digits: 1e6))
        object.add("p99", raw: ConsoleNumber.text(figures.p99, digits: 1e6))
        object.add("inside", .int(counts.inside))
        object.add("errors", counts: counts.errors)
        object.add("recent_errors", counts: figures.errors)
        object.add("retries", raw: String(counts.retries))
        if step.stage.provides.contains(.completion) {
            object.add("tokens", raw: String(counts.tokens))
            object.add("tokens_rate", raw: ConsoleNumber.text(Double(figures.tokens) / seconds))
        }
        object.add("buckets", list: counts.durations.map { String($0) })
        if let status = sample.queues[key] { object.add("queue", raw: ConsoleFigures.text(of: status)) }
        let failures = step.failures.all
        if !failures.isEmpty { object.add("failures", list: failures.map(text(of:))) }
        return object.text
    }

    /// Whose messages they are is shown where the host shows that of any message.
    private func text(of failure: RecentFailures.Failure) -> String {
        var object = JSONMembers()
        object.add("time", .string(failure.time.description))
        object.add("code", .string(failure.code.rawValue))
        if tap != .off {
            object.add("message_id", .string(failure.messageID.description))
            object.add("session_id", .string(failure.sessionID))
        }
        // A stage of somebody's own may repeat in it what was asked.
        if tap == .content { object.add("text", .string(redact(failure.text))) }
        return object.text
    }

    private static func text(of status: QueueStatus) -> String {
        var object = JSONMembers()
        object.add("messages", .int(status.depth.messages))
        object.add("oldest", raw: ConsoleNumber.text(status.age))
        object.add("retries", .int(status.retries))
        object.add("dropped", .int(status.dropped))
        object.add("failed", .int(status.failed))
        object.add("unreadable", .int(status.depth.unreadable))
        return object.text
    }

    private func text(ofResource resource: (name: String, health: Health, standIns: [String]?)) -> String {
        var object = JSONMembers()
        object.add("name", .string(resource.name))
        object.add("ready", .bool(resource.health.error == nil))
        if let error = resource.health.error {
            object.add("code", .string(error.code.rawValue))
            object.add("says", .string(error.message))
        }
        if let names = resource.standIns { object.add("in_its_place", list: names.map(JSONText.quoted)) }
        return object.text
    }

    private struct Use {
        let fallback: ConsoleSample.Fallback
        let total: UInt64
        let recent: UInt64

        var text: String {
            var object = JSONMembers()
            object.add("from", .string(fallback.from))
            object.add("to", .string(fallback.to))
            object.add("code", .string(fallback.code))
            object.add("total", raw: String(total))
            object.add("recent", raw: String(recent))
            return object.text
        }
    }

    private var fallbacks: [Use] {
        sample.fallbacks.map { fallback, total in
            Use(fallback: fallback, total: total, recent: total - min(total, base.fallbacks[fallback] ?? 0))
        }.sorted { ($1.recent, $0.fallback.from, $0.fallback.code) < ($0.recent, $1.fallback.from, $1.fallback.code) }
    }

    /// What is wrong, in sentences.
    private var notes: [String] {
        let over = ConsoleNumber.words(seconds: seconds)
        var notes = ConsoleNotes(seconds: seconds)
        for pipeline in pipelines {
            for resource in pipeline.chain.readiness { notes.add(resource, of: pipeline.name) }
            for step in pipeline.chain.all {
                let key = ConsoleSample.StageKey(pipeline: pipeline.name, label: step.label)
                let counts = sample.stages[key] ?? ConsoleSample.StageCounts()
                notes.add(
                    step, counts, StageFigures(from: base.stages[key], to: counts, in: seconds), sample.queues[key])
            }
        }
        let models = fallbacks.filter { $0.recent > 0 }.map { use in
            "model '\(use.fallback.from)' fails (\(use.fallback.code)), and '\(use.fallback.to)' answers in its place: "
                + "\(use.recent) \(use.recent == 1 ? "time" : "times") in the last \(over)"
        }
        return models + notes.all
    }
}
