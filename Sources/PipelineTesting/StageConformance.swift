public import Pipeline

/// The rules that every stage keeps, built-in ones and those of one's own.
///
/// ```swift
/// let findings = await StageConformance.findings(of: Shout.self)
/// #expect(findings == [])
/// ```
public enum StageConformance {
    /// A rule.
    public enum Rule: String, Sendable {
        /// Each of its settings says what it is for.
        case documented
        /// The defaults are values that a pipeline file may give.
        case defaults
        /// A cancelled run ends.
        case cancellation
        /// It runs for a message that has what it requires; what it says it provides is there then, and nothing else.
        case provides
        /// What it says of itself is asked: a member such as `longestRun` counts only with its protocol.
        case members
        /// What came in by a variable stays out of logs, errors and descriptions.
        case secrets
    }

    /// A rule that is broken, and how.
    public struct Finding: Sendable, Equatable, CustomStringConvertible {
        /// The rule.
        public let rule: Rule
        /// How it is broken, in one sentence.
        public let message: String
        /// Both.
        public var description: String { "\(rule.rawValue): \(message)" }
    }

    /// The value of the variable `${SECRET}` in entries: what must not come out.
    public static let secret = "canary-5f1d9a7e-secret"

    /// Everything that a stage does not keep to; empty where all is well.
    ///
    /// - Parameters:
    ///   - entry: The stage as it stands under `stages:`, for one that has required settings; the name alone where it is
    ///     left out. Secrets are written as `"${SECRET}"`.
    ///   - others: Stages that the entry names besides.
    ///   - resources: Resources that the stage uses, as for ``StageTest``; made anew for each run.
    ///   - allowed: Errors that a run may end with, where what the stage calls is not there.
    ///   - limit: How long a cancelled run may go on, by the machine's clock.
    public static func findings(
        of stage: any Stage.Type, entry: String? = nil, others: [any Stage.Type] = [],
        resources: @escaping @autoclosure @Sendable () -> KeyValuePairs<String, any Resource> = [:],
        allowing allowed: [PipelineError.Code] = [], within limit: Duration = .seconds(5)
    ) async -> [Finding] {
        let trial = Trial(
            stage: stage, entry: entry ?? stage.name, stages: [stage] + others.filter { $0.name != stage.name },
            resources: resources, allowed: allowed, limit: limit)
        return trial.documentation + trial.defaults + trial.members + (await trial.run()) + (await trial.cancel())
    }
}

/// One stage on its way through the rules.
private struct Trial {
    let stage: any Stage.Type
    let entry: String
    let stages: [any Stage.Type]
    let resources: @Sendable () -> KeyValuePairs<String, any Resource>
    let allowed: [PipelineError.Code]
    let limit: Duration

    typealias Finding = StageConformance.Finding

    var documentation: [Finding] {
        var findings: [Finding] = []
        collect(stage.settings, in: "", &findings)
        return findings
    }

    private func collect(_ settings: [SettingType.Named], in outer: String, _ findings: inout [Finding]) {
        for setting in settings {
            let name = outer + setting.name
            if setting.help.isEmpty {
                findings.append(
                    Finding(rule: .documented, message: "the setting '\(name)' does not say what it is for"))
            }
            switch setting.type {
            case .group(let inner), .list(.group(let inner)): collect(inner, in: "\(name).", &findings)
            case .string where ["password", "secret", "token", "api_key"].contains(where: setting.name.hasSuffix):
                findings.append(Finding(rule: .secrets, message: "the setting '\(name)' should be a Secret"))
            default: break
            }
        }
    }

    /// A stage that needs settings has no entry of defaults alone.
    var defaults: [Finding] {
        guard !stage.settings.contains(where: \.isRequired) else { return [] }
        let pairs = stage.settings.compactMap { setting in setting.defaultText.map { (setting.name, $0) } }
        return pairs.filter { !$0.1.isEmpty }.compactMap { name, value in
            do {
                _ = try StageTest("\(stage.name): {\(name): \(value)}", stages: stages, resources: resources())
                return nil
            } catch {
                return Finding(rule: .defaults, message: "the default of '\(name)' is not taken: \(error)")
            }
        }
    }

    /// Mirrors show stored properties alone: the engine's own defaults say whether they are called.
    var members: [Finding] {
        guard let test = try? test(), let stage = test.chain.stages.first else { return [] }
        return stage.ignoredMembers(for: message(for: test)).map { member, name in
            Finding(
                rule: .members,
                message: member == "run"
                    ? "'run' is not async, and yet each message costs a task; add \(name)"
                    : "'\(member)' is ignored without its protocol; add \(name), or take it away")
        }
    }

    private func test() throws -> StageTest {
        try StageTest(
            entry, stages: stages, resources: resources(), variables: ["SECRET": StageConformance.secret])
    }

    /// A message that has what the stage needs.
    private func message(for test: StageTest) -> Message {
        var message = Message(prompt: "2 + 2")
        for field in test.chain.stages.first?.requires ?? [] {
            switch field {
            case .prompt: break
            case .completion: message.completion = Completion(text: "4", tokensUsed: 42, response: "{}")
            case .history: message.history = [.init(.user, "1 + 1"), .init(.assistant, "2")]
            default: message[field] = .string("something")
            }
        }
        return message
    }

    func run() async -> [Finding] {
        do {
            let test = try test()
            let reply = try await test.run(message(for: test))
            return provided(by: reply, test) + leaks(in: reply, test)
        } catch {
            return [Finding(rule: .provides, message: unset ?? "it can't be opened: \(error)")]
        }
    }

    /// What to do about required settings, where no entry gives them.
    private var unset: String? {
        let needed = stage.settings.filter(\.isRequired).map(\.name)
        guard entry == stage.name, !needed.isEmpty else { return nil }
        let values = needed.map { "\($0): …" }.joined(separator: ", ")
        return "it can't be run without its required settings: pass them, as in entry: \"\(entry): {\(values)}\""
    }

    private func provided(by reply: TestReply, _ test: StageTest) -> [Finding] {
        if let error = reply.error {
            return allowed.contains(error.code) ? [] : [Finding(rule: .provides, message: failure(error, test))]
        }
        let message = reply.message
        let declared = test.chain.stages.first.map { Array($0.requires) + Array($0.provides) } ?? []
        // What the stages inside a composite one set is theirs to declare.
        let own = stage.settings.contains { $0.type.holdsStages } ? [] : Array(message.fields.keys)
        let undeclared = own.filter { !declared.contains($0) }.map { field in
            Finding(rule: .provides, message: "'\(field)' is set, and 'provides' does not declare it")
        }
        let missing = (test.chain.stages.first?.provides ?? []).filter { field in
            switch field {
            case .prompt, .history: false
            case .completion: message.completion == nil
            default: message[field] == nil
            }
        }
        return missing.map { Finding(rule: .provides, message: "'\($0)' is not there once it has run") }
            + undeclared.sorted { $0.message < $1.message }
    }

    /// A stage that reads what it does not require fails here, as it would at another place of a file.
    private func failure(_ error: PipelineError, _ test: StageTest) -> String {
        let fields = (test.chain.stages.first?.requires ?? []).filter { $0 != .prompt }.map { "'\($0)'" }
        let message = fields.isEmpty ? "a prompt" : "a prompt and \(fields.joined(separator: ", "))"
        return "it fails for a message that has what 'requires' declares (\(message)): \(error)"
    }

    private func leaks(in reply: TestReply, _ test: StageTest) -> [Finding] {
        var places = [("its log", test.log.entries.map { "\($0)" }.joined())]
        places.append(("its error", reply.error.map(\.description) ?? ""))
        places.append(("its answer", (reply.answer ?? "") + reply.pieces.joined()))
        places.append(("the message", "\(reply.message)"))
        places += test.chain.stages.map { ("its description", "\($0)") }
        return places.filter { $0.1.contains(StageConformance.secret) }.map {
            Finding(rule: .secrets, message: "\($0.0) holds the value of a secret")
        }
    }

    /// The model that it may ask takes an hour of a clock that stands still.
    func cancel() async -> [Finding] {
        guard let test = try? test() else { return [] }
        test.model.reply(Array(repeating: ScriptedAnswer.answer("4").after(.seconds(3_600)), count: 100))
        let message = message(for: test)
        let (ends, end) = AsyncStream.makeStream(of: Bool.self)
        let run = Task {
            _ = try? await test.run(message)
            end.yield(true)
        }
        run.cancel()
        let timer = Task {
            try await Task.sleep(for: limit)
            end.yield(false)
        }
        defer { timer.cancel() }
        for await hasEnded in ends {
            return hasEnded ? [] : [Finding(rule: .cancellation, message: "a cancelled run goes on after \(limit)")]
        }
        return []
    }
}

extension SettingType {
    /// Whether its values are or contain stages.
    fileprivate var holdsStages: Bool {
        switch self {
        case .stages: true
        case .list(let element), .dictionary(let element), .named(_, let element): element.holdsStages
        case .group(let settings): settings.contains { $0.type.holdsStages }
        case .either(let types): types.contains(where: \.holdsStages)
        default: false
        }
    }
}
