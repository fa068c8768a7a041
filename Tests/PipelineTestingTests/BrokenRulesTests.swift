import Logging
import Pipeline
import PipelineTesting
import Synchronization
import Testing

@Suite("A stage that breaks a rule is found")
struct BrokenRulesTests {
    private struct Undocumented: Stage {
        static let name = "undocumented"
        @Setting("") var marks = 1
        func run(_ message: inout Message) async throws {}
    }

    private struct Promising: Stage {
        static let name = "promising"
        static let summary = "Promises a mood."
        var provides: Fields { [Field("mood")] }
        func run(_ message: inout Message) async throws {}
    }

    private struct Careless: Stage {
        static let name = "careless"
        static let summary = "Sets a mood that it does not declare, and reads an answer that it does not require."
        @Setting("Whether it reads the answer.") var reads = false
        @Setting("What it says.") var words: [String]

        func run(_ message: inout Message) async throws {
            message[Field("mood")] = .string("calm")
            if reads, message.completion == nil { throw PipelineError(.stageFailed, "no answer") }
        }
    }

    private struct Stubborn: Stage {
        static let name = "stubborn"
        static let summary = "Waits, come what may."
        @State var waiting = Waiting()

        func run(_ message: inout Message) async throws {
            guard Task.isCancelled else { return }
            await withCheckedContinuation { continuation in waiting.keep(continuation) }
        }

        final class Waiting: Sendable {
            private let all = Mutex<[CheckedContinuation<Void, Never>]>([])

            func keep(_ continuation: CheckedContinuation<Void, Never>) { all.withLock { $0.append(continuation) } }

            deinit { for continuation in all.withLock(\.self) { continuation.resume() } }
        }
    }

    private struct Talkative: Stage {
        static let name = "talkative"
        static let summary = "Tells its key to everybody."
        @Setting("The key.") var apiKey = ""
        @State var log = Output()

        func open(_ context: StageContext) async throws { log.logger.withLock { $0 = context.logger } }

        func run(_ message: inout Message) async throws {
            log.logger.withLock(\.self)?.info("the key is \(apiKey)")
            throw PipelineError(.stageFailed, "no", detail: apiKey)
        }

        final class Output: Sendable {
            let logger = Mutex<Logger?>(nil)
        }
    }

    private struct Odd: Stage {
        static let name = "odd"
        static let summary = "Has a default that it does not take."
        @Setting("How many.", problem: { $0 == 0 ? "must not be 0" : nil }) var count = 0
        func run(_ message: inout Message) async throws {}
    }

    /// Has every member that counts only with its protocol, each as the default would be.
    private struct Modest: Stage {
        static let name = "modest"
        static let takesPartialAnswers = false
        var longestRun: Duration? { nil }
        var sendsDeltas: Bool { false }
        var takesDeltas: Bool { false }
        func run(_ message: inout Message) async throws {}
        func runWithoutWaiting(_ message: inout Message) throws -> Bool { false }
    }

    /// Never waits, and does not say so.
    private struct Hasty: Stage {
        static let name = "hasty"
        func run(_ message: inout Message) throws { message.prompt += "!" }
    }

    /// The same with the protocols.
    private struct Open: StreamingStage, ReplyStage, BoundedStage, PartialAnswerStage, OftenImmediateStage {
        static let name = "open"
        static let takesPartialAnswers = true
        var longestRun: Duration? { nil }
        var sendsDeltas: Bool { false }
        var takesDeltas: Bool { false }
        func run(_ message: inout Message) async throws {}
        func runWithoutWaiting(_ message: inout Message) throws -> Bool { false }
    }

    @Test("a member without its protocol, also where it says what the default says")
    func members() async {
        let findings = await StageConformance.findings(of: Modest.self)
        #expect(
            findings.map(\.description) == [
                "members: 'longestRun' is ignored without its protocol; add BoundedStage, or take it away",
                "members: 'sendsDeltas' is ignored without its protocol; add StreamingStage, or take it away",
                "members: 'takesDeltas' is ignored without its protocol; add ReplyStage, or take it away",
                "members: 'runWithoutWaiting' is ignored without its protocol; add OftenImmediateStage, or take it away",
                "members: 'takesPartialAnswers' is ignored without its protocol; add PartialAnswerStage, or take it away",
            ])
        #expect(await StageConformance.findings(of: Open.self) == [])
        #expect(
            await StageConformance.findings(of: Hasty.self).map(\.description) == [
                "members: 'run' is not async, and yet each message costs a task; add ImmediateStage"
            ])
    }

    @Test("what is not documented")
    func documentation() async {
        let findings = await StageConformance.findings(of: Undocumented.self)
        #expect(
            findings.map(\.description) == [
                "documented: the setting 'marks' does not say what it is for"
            ])
    }

    @Test("a field that is not there")
    func provides() async {
        let findings = await StageConformance.findings(of: Promising.self)
        #expect(findings.map(\.description) == ["provides: 'mood' is not there once it has run"])
    }

    @Test("a field that is set and not declared")
    func undeclared() async {
        let findings = await StageConformance.findings(of: Careless.self, entry: "careless: {words: []}")
        #expect(findings.map(\.description) == ["provides: 'mood' is set, and 'provides' does not declare it"])
    }

    @Test("a field that is read and not required")
    func requires() async {
        let findings = await StageConformance.findings(of: Careless.self, entry: "careless: {words: [], reads: true}")
        #expect(
            findings.map(\.description) == [
                "provides: it fails for a message that has what 'requires' declares (a prompt): "
                    + "stage_failed in 'careless': no answer"
            ])
    }

    @Test("required settings that no entry gives")
    func unset() async {
        let findings = await StageConformance.findings(of: Careless.self)
        #expect(
            findings.map(\.description) == [
                "provides: it can't be run without its required settings: pass them, as in "
                    + "entry: \"careless: {words: …}\""
            ])
    }

    @Test("a setting of a stage that declares none")
    func none() {
        let problem = #expect(throws: TestProblem.self) {
            try StageTest("promising: {loud: 3}", stages: [Promising.self])
        }
        #expect(problem?.description.contains("unknown setting 'loud' of stage 'promising'; it has none") == true)
        let stranger = #expect(throws: TestProblem.self) { try StageTest("zzz", stages: [Promising.self]) }
        #expect(
            stranger?.description.contains(
                "unknown stage 'zzz'; there are: promising; one of your own must be in the list of the host that you run"
            ) == true
        )
    }

    @Test("a run that no cancellation ends")
    func cancellation() async {
        let findings = await StageConformance.findings(of: Stubborn.self, within: .milliseconds(100))
        #expect(findings.map(\.rule) == [.cancellation])
    }

    @Test("a secret in log, error and description")
    func secrets() async {
        let findings = await StageConformance.findings(
            of: Talkative.self, entry: "talkative: {api_key: \"${SECRET}\"}", allowing: [.stageFailed])
        #expect(
            findings.map(\.description) == [
                "secrets: the setting 'api_key' should be a Secret",
                "secrets: its log holds the value of a secret",
                "secrets: its error holds the value of a secret",
                "secrets: its description holds the value of a secret",
            ])
    }

    @Test("a default that the file may not give")
    func defaults() async {
        let findings = await StageConformance.findings(of: Odd.self)
        #expect(findings.map(\.rule) == [.defaults])
        #expect(findings.first?.message.contains("'count' of stage 'odd' must not be 0") == true)
    }
}
