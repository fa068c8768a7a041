/// Checks before the start that every step finds the fields it needs.
struct Wiring {
    struct Problem {
        let code: DiagnosticCode
        let place: SourceRange?
        let message: String
        var suggestion: String?
        var severity = Diagnostic.Severity.error
    }

    let all: [Chain.Step]
    let registry: Registry?
    var problems: [Problem] = []
    /// What the stage would provide that messages come in through, where there is none: that is one mistake, and no second
    /// for each stage that needs something of it.
    private var absent: Fields = []

    /// Everything that is wrong with the order of these steps. The registry is asked for stages that would mend it.
    static func problems(in steps: [Chain.Step], registry: Registry?) -> [Problem] {
        var wiring = Wiring(all: steps, registry: registry)
        wiring.checkLabels()
        _ = wiring.check(steps, in: Scope())
        wiring.checkEntry()
        wiring.checkGuarantees()
        wiring.checkStreaming()
        wiring.checkSecondReplies()
        wiring.checkDependent()
        wiring.checkAlternatives()
        return wiring.problems
    }

    private init(all: [Chain.Step], registry: Registry?) {
        self.all = all
        self.registry = registry
        let entries = registry?.stages.values.filter { $0 is any EntryStage.Type } ?? []
        let hasEntry = all.contains { step in step.all.contains(where: \.isEntry) }
        if !hasEntry { absent = Fields(entries.flatMap { Array($0.init().provides) }) }
    }

    /// What a list of steps finds around it.
    private struct Scope {
        /// The fields that are there for certain.
        var available: Fields = []
        /// The steps that a message has been through, list by list, the outermost first.
        var before: [ArraySlice<Chain.Step>] = []
        /// The steps that it comes to later, the innermost list first.
        var after: [ArraySlice<Chain.Step>] = []
        /// Steps of other branches, which run at the same time, and the step that holds them all.
        var beside: (steps: [Chain.Step], holder: Chain.Step)?
    }

    /// Checks steps, and returns the fields that are there after them.
    private mutating func check(_ steps: [Chain.Step], in scope: Scope) -> Fields {
        var available = scope.available
        for (index, step) in steps.enumerated() {
            func here(with fields: Fields) -> Scope {
                var here = scope
                here.available = fields
                here.before.append(steps[..<index])
                here.after.insert(steps[(index + 1)...], at: 0)
                return here
            }
            var needed = step.modifiers.when?.requires ?? []
            needed.formUnion(step.stage.requires)
            for field in needed where !available.contains(field) {
                report(field, missingAt: step, in: here(with: available))
            }
            // One missing field is one error, not one for every stage after it.
            available.formUnion(needed)
            var provided = step.stage.provides
            if let composite = step.composite {
                provided = check(composite, of: step, in: here(with: available))
            }
            if case .run(let errorSteps) = step.modifiers.onError {
                var fields = available
                fields.formUnion(.ofError)
                provided = provided.intersection(check(errorSteps, in: here(with: fields)))
            }
            if step.runsForEveryMessage { available.formUnion(provided) }
        }
        return available
    }

    /// Checks the branches of a stage, and returns the fields that are there for certain after it.
    private mutating func check(
        _ composite: any CompositeStage, of step: Chain.Step, in scope: Scope
    ) -> Fields {
        let branches = composite.branches
        var after: [Fields] = []
        for (index, branch) in branches.enumerated() {
            var inside = scope
            switch composite.flow {
            case .oneOf: break
            case .all:
                let others = branches.enumerated().filter { $0.offset != index }.flatMap(\.element.steps)
                inside.beside = (others, step)
            case .fallback: if index > 0 { inside.available.formUnion(.ofError) }
            }
            if let route = composite as? Chain.Route, let condition = route.cases[index].when {
                for field in condition.requires where !scope.available.contains(field) {
                    report(field, missingAt: step, in: scope)
                }
            }
            after.append(check(branch.steps, in: inside))
        }
        if composite.flow == .all { checkConflicts(between: branches, of: step) }
        switch composite.flow {
        case .all: return after.reduce(into: []) { $0.formUnion($1) }
        case .oneOf(isExhaustive: false): return []
        case .oneOf, .fallback: return after.dropFirst().reduce(after.first ?? []) { $0.intersection($1) }
        }
    }

    private mutating func report(_ field: Field, missingAt step: Chain.Step, in scope: Scope) {
        // More than that are not listed.
        guard problems.count <= Diagnostics.limit, !absent.contains(field) else { return }
        if !isKnown(field) {
            problems.append(unknown(field, neededBy: step, available: scope.available))
            return
        }
        problems.append(
            Problem(
                code: .wiring, place: step.place, message: explanation(of: field, missingAt: step, in: scope)))
    }

    private func explanation(of field: Field, missingAt step: Chain.Step, in scope: Scope) -> String {
        let needs = "stage '\(step.shownName)'\(step.origin ?? "") needs '\(field)'"
        func provides(_ step: Chain.Step) -> Bool { step.stage.provides.contains(field) }
        if let beside = scope.beside, let other = beside.steps.flatMap(\.all).first(where: provides) {
            return "\(needs), which '\(other.shownName)'\(other.line) provides in another branch of "
                + "'\(beside.holder.shownName)'; move it above '\(beside.holder.shownName)'"
        }
        if let later = scope.after.joined().lazy.flatMap(\.all).first(where: provides) {
            return "\(needs), which '\(later.shownName)' provides later\(later.line); move it below"
        }
        for earlier in scope.before.reversed().flatMap({ $0.reversed() }) {
            if provides(earlier), let reason = earlier.uncertainty {
                return "\(needs), which '\(earlier.shownName)' \(reason.what)\(earlier.line)\(reason.remedy)"
            }
            if let inside = earlier.composite?.branches.flatMap(\.steps).flatMap(\.all).first(where: provides) {
                let reason = earlier.uncertaintyOfInside
                return "\(needs), which '\(earlier.shownName)'\(earlier.line) \(reason.what): "
                    + "'\(inside.shownName)' does\(inside.line); \(reason.remedy)"
            }
        }
        let providers = registry?.stages(providing: field) ?? []
        guard !providers.isEmpty else { return "\(needs), which no stage provides" }
        let names = providers.map { "'\($0)'" }.joined(separator: " or ")
        return "\(needs), which no stage above provides; put \(names) above it"
    }

    /// Branches that run at the same time must not provide the same.
    private mutating func checkConflicts(between branches: [Chain.StageList], of step: Chain.Step) {
        var providers: [Field: (branch: Int, step: Chain.Step)] = [:]
        var replies: (branch: Int, step: Chain.Step)?
        for (index, branch) in branches.enumerated() {
            // What is behind a queue works on a copy, and answers all the same.
            for inside in branch.steps.flatMap(\.inTurn) {
                for field in inside.stage.provides {
                    if let other = providers[field], other.branch != index {
                        add(
                            .conflictingBranches, inside,
                            "'\(inside.shownName)' provides '\(field)', as '\(other.step.shownName)'\(other.step.line) does "
                                + "in another branch of '\(step.shownName)' at the same time; put one after the other")
                    }
                    providers[field] = providers[field] ?? (index, inside)
                }
            }
            for inside in branch.steps.flatMap(\.all) where inside.isReply {
                if let other = replies, other.branch != index {
                    add(
                        .conflictingBranches, inside,
                        "'\(inside.shownName)' answers the client, as '\(other.step.shownName)'\(other.step.line) does in "
                            + "another branch of '\(step.shownName)' at the same time; let one of them answer")
                }
                replies = replies ?? (index, inside)
            }
        }
    }

    private mutating func checkEntry() {
        var entries: [Chain.Step] = []
        for step in all { step.visit { if $0.isEntry { entries.append($0) } } }
        for (index, entry) in entries.enumerated() {
            if index > 0 {
                add(.misplacedEntry, entry, "a second '\(entry.name)': messages come in at one place")
            } else if problems.isEmpty, let first = all.first, !first.isEntry {
                add(.misplacedEntry, entry, "'\(entry.shownName)' must be the first stage: messages come in there")
            }
        }
    }

    private mutating func checkStreaming() {
        for obstacle in DeltaRoute.obstacles(in: all) + DeltaRoute.halves(of: all) {
            problems.append(
                Problem(
                    code: .streamingOff, place: obstacle.step.place, message: obstacle.message, severity: .note))
        }
    }

    private mutating func checkDependent() {
        let steps = all.flatMap(\.all)
        for step in steps {
            guard let stage = step.stage as? any ChainDependentStage else { continue }
            // What is wrong with its settings has been said.
            guard step.isWhole else { continue }
            if let message = stage.problem(among: steps.map(\.stage)) {
                add(.wiring, step, message)
            } else if let message = stage.doubt(among: steps.map(\.stage)) {
                problems.append(Problem(code: .wiring, place: step.place, message: message, severity: .warning))
            }
        }
    }

    /// A model that has just failed stands in for nobody.
    private mutating func checkAlternatives() {
        for step in all.flatMap(\.all) {
            guard let stage = step.stage as? any AskingStage else { continue }
            var seen: Set<String> = []
            for name in stage.asked.map(\.name) where !seen.insert(name).inserted {
                problems.append(
                    Problem(
                        code: .wiring, place: step.place,
                        message: "stage '\(type(of: stage).name)' asks '\(name)' again where it has failed; "
                            + "use 'retry' for that",
                        severity: .warning))
            }
        }
    }

    private mutating func checkLabels() {
        var seen: Set<String> = []
        for label in Labels.chosen(in: all) where !seen.insert(label.text).inserted {
            problems.append(
                Problem(
                    code: .duplicateLabel, place: label.place,
                    message: "the label '\(label.text)' is taken by another stage"))
        }
    }

    mutating func add(_ code: DiagnosticCode, _ step: Chain.Step, _ message: String) {
        problems.append(Problem(code: code, place: step.place, message: message))
    }
}
