/// Checks before the start that every step finds the fields it needs.
struct Wiring {
    struct Problem {
        let code: DiagnosticCode
        let place: SourceRange?
        let message: String
        var severity = Diagnostic.Severity.error
    }

    private let all: [Step]
    private let registry: Registry?
    private var problems: [Problem] = []

    /// Everything that is wrong with the order of these steps. The registry is asked for stages that would mend it.
    static func problems(in steps: [Step], registry: Registry?) -> [Problem] {
        var wiring = Wiring(all: steps, registry: registry)
        wiring.checkLabels()
        _ = wiring.check(steps, available: [])
        wiring.checkEntry()
        wiring.checkGuarantees()
        wiring.checkStreaming()
        return wiring.problems
    }

    private init(all: [Step], registry: Registry?) {
        self.all = all
        self.registry = registry
    }

    /// Checks steps that find some fields, and returns the fields that are there after them.
    private mutating func check(_ steps: [Step], available: Fields) -> Fields {
        var available = available
        for (index, step) in steps.enumerated() {
            var needed = step.modifiers.when?.requires ?? []
            needed.formUnion(step.stage.requires)
            for field in needed where !available.contains(field) {
                let message = explanation(
                    of: field, missingAt: step, before: steps[..<index], after: steps[(index + 1)...])
                problems.append(Problem(code: .wiring, place: step.place, message: message))
            }
            // One missing field is one error, not one for every stage after it.
            available.formUnion(needed)
            var provided = step.stage.provides
            if case .run(let instead) = step.modifiers.onError {
                provided = provided.intersection(check(instead, available: available))
            }
            if step.runsForEveryMessage { available.formUnion(provided) }
        }
        return available
    }

    private func explanation(
        of field: Field, missingAt step: Step, before: ArraySlice<Step>, after: ArraySlice<Step>
    ) -> String {
        let needs = "stage '\(step.shownName)' needs '\(field)'"
        if let later = after.first(where: { $0.stage.provides.contains(field) }) {
            return "\(needs), which '\(later.shownName)' provides later\(later.line); move it below"
        }
        if let earlier = before.last(where: { $0.stage.provides.contains(field) }), let reason = earlier.uncertainty {
            return "\(needs), which '\(earlier.shownName)' \(reason.what)\(earlier.line)\(reason.remedy)"
        }
        let providers = registry?.stages(providing: field) ?? []
        guard !providers.isEmpty else { return "\(needs), which no stage provides" }
        let names = providers.map { "'\($0)'" }.joined(separator: " or ")
        return "\(needs), which no stage above provides; put \(names) above it"
    }

    private mutating func checkEntry() {
        let entries = all.enumerated().filter { type(of: $0.element.stage).role == .entry }
        for (index, entry) in entries where index > 0 {
            if index != entries.first?.offset {
                add(.misplacedEntry, entry, "a second '\(entry.name)': messages come in at one place")
            } else if problems.isEmpty {
                add(.misplacedEntry, entry, "'\(entry.shownName)' must be the first stage: messages come in there")
            }
        }
    }

    /// A queue that outlives the process takes no way back to a client with it, and keeps its promise only where the
    /// answer leaves after it.
    private mutating func checkGuarantees() {
        var answered: Step?
        for step in all {
            let outlives = step.modifiers.async?.guarantee.survivesProcess == true
            let isReply = type(of: step.stage).role == .reply
            if isReply, outlives {
                add(
                    .replyBehindQueue, step,
                    "'\(step.shownName)' can't stand behind a queue that outlives the process: after a restart there is no "
                        + "client to answer; take 'queue' away from its 'async'")
            } else if outlives, let answered {
                let message =
                    "'\(step.shownName)' keeps its messages in a queue that outlives the process, but "
                    + "'\(answered.shownName)'\(answered.line) answers before they are in it; a process killed in between "
                    + "loses an answered message; move it above '\(answered.shownName)'"
                problems.append(
                    Problem(code: .lateQueue, place: step.place, message: message, severity: .warning))
            }
            if isReply { answered = answered ?? step }
        }
    }

    private mutating func checkStreaming() {
        for obstacle in DeltaRoute.obstacles(in: all) {
            problems.append(
                Problem(
                    code: .streamingOff, place: obstacle.step.place, message: obstacle.message, severity: .note))
        }
    }

    private mutating func checkLabels() {
        var seen: Set<String> = []
        for (label, step) in Labels.chosen(in: all) where !seen.insert(label).inserted {
            add(.duplicateLabel, step, "the label '\(label)' is taken by another stage")
        }
    }

    private mutating func add(_ code: DiagnosticCode, _ step: Step, _ message: String) {
        problems.append(Problem(code: code, place: step.place, message: message))
    }
}

extension Step {
    fileprivate var shownName: String { modifiers.label ?? name }

    fileprivate var line: String { place.map { " (line \($0.start.line))" } ?? "" }

    /// Whether the steps after it find it done, for every message, by itself or by what runs instead of it.
    fileprivate var runsForEveryMessage: Bool {
        if case .continue = modifiers.onError { return false }
        return modifiers.async == nil && modifiers.when == nil
    }

    /// Why what this step provides is not there for certain after it.
    fileprivate var uncertainty: (what: String, remedy: String)? {
        if modifiers.async != nil { return ("provides in the background", "; take its 'async' away") }
        if modifiers.when != nil { return ("provides only for some messages", "; take its 'when' away") }
        switch modifiers.onError {
        case .stop: return nil
        case .continue: return ("may fail to provide", "; take its 'on_error' away")
        case .run: return ("may fail to provide", "; let a stage of its 'on_error' provide it")
        }
    }
}

extension DiagnosticCode {
    /// A stage needs a field that no stage above it provides for certain.
    public static let wiring = DiagnosticCode(rawValue: "wiring")
    /// The stage where messages come in is not the first, or there are two.
    public static let misplacedEntry = DiagnosticCode(rawValue: "misplaced_entry")
    /// A stage that answers clients behind a queue that outlives the process.
    public static let replyBehindQueue = DiagnosticCode(rawValue: "reply_behind_queue")
    /// A queue that outlives the process gets messages only after the client has its answer.
    public static let lateQueue = DiagnosticCode(rawValue: "late_queue")
    /// A stage keeps the pieces of an answer from leaving as they come.
    public static let streamingOff = DiagnosticCode(rawValue: "streaming_off")
    /// Two stages with one label.
    public static let duplicateLabel = DiagnosticCode(rawValue: "duplicate_label")
}
