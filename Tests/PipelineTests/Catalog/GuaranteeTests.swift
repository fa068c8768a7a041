import Testing

@testable import Pipeline
@testable import PipelineCatalog

@Suite("Guarantees of stages and resources of one's own")
struct GuaranteeTests {
    /// Refuses what scores too high.
    private struct Moderate: Stage, Guaranteeing {
        static let name = "moderate"
        @Setting("What is still taken.") var threshold = 0.5
        var guarantees: [Guarantee] {
            [
                Guarantee(
                    "moderation", "refuses prompts that score above \(threshold)", .atMost(threshold),
                    otherwise: "no prompt is moderated", refuses: true)
            ]
        }
        func run(_ message: inout Message) async throws {}
    }

    /// Keeps copies.
    private struct Vault: Resource, Guaranteeing {
        static let name = "vault"
        @Setting("How many.") var copies = 1
        var guarantees: [Guarantee] {
            [Guarantee("copies", "keeps \(copies) copies", .level(Double(copies)), otherwise: "keeps no copy")]
        }
    }

    /// Keeps in a vault.
    private struct Keep: BatchStage {
        static let name = "keep"
        @Uses("Where.") var vault: Vault
        func run(_ message: inout Message) async throws {}
        func run(batch: [Message]) async throws {}
    }

    private func file(_ stages: String, resources: String = "") throws -> PipelineFile {
        let registry = try Registry(
            stages: [
                Entry.self, Probe.self, Answer.self, Reply.self, BatchProbe.self, Moderate.self, Keep.self,
                Chain.Route.self,
                Chain.Attempt.self, Chain.Parallel.self, Chain.InBackground.self,
            ], resources: [Vault.self])
        let text = "pipeline: test\n\(resources.isEmpty ? "" : "resources: \(resources)\n")stages: [\(stages)]"
        let loaded = PipelineLoader(registry: registry, environment: Environment()).load(
            SourceFile(path: "test.yaml", text: text))
        return try #require(loaded.file, "\(loaded.report)")
    }

    /// What gets weaker, waits left out: nothing bounds what these stages take.
    private func weaker(_ old: String, _ new: String) throws -> [String] {
        GuaranteeComparison(of: [try file(old)], with: [try file(new)]).changes(.weaker)
            .filter { $0.topic != "longest wait" }.map(\.title)
    }

    @Test("are explained, and compared by their strength")
    func declared() throws {
        let old = try file(
            "entry, {moderate: {threshold: 0.2}}, answer, {keep: {}}, reply", resources: "{v: {vault: {copies: 3}}}")
        let new = try file("entry, {moderate: {}}, answer, {keep: {}}, reply", resources: "{w: {vault: {copies: 2}}}")
        #expect(
            Explanation(old).text.contains("\n  moderate: refuses prompts that score above 0.2\n  v: keeps 3 copies"))
        let weaker = GuaranteeComparison(of: [old], with: [new]).changes(.weaker)
        #expect(weaker.map(\.title) == ["moderate, moderation", "w, copies"])
        #expect(weaker.map(\.before) == ["refuses prompts that score above 0.2", "keeps 3 copies"])
        #expect(weaker.map(\.now) == ["refuses prompts that score above 0.5", "keeps 2 copies"])
        #expect(GuaranteeComparison(of: [new], with: [old]).changes(.weaker) == [])
    }

    @Test("are missed where the stage is gone, and where it sees some of the messages only")
    func coverage() throws {
        let whole = "entry, moderate, answer, reply"
        #expect(try weaker(whole, "entry, answer, reply") == ["moderate, moderation"])
        let some = "entry, {route: [{when: {prompt: {starts_with: x}}, stages: [moderate]}]}, answer, reply"
        #expect(try weaker(whole, some) == ["moderate, refused messages"])
        let every =
            "entry, {route: [{when: {prompt: {starts_with: x}}, stages: [moderate]}, {stages: [moderate, probe]}]}, "
            + "answer, reply"
        #expect(try weaker(whole, every) == [])
        let caught = "entry, {attempt: [moderate], catch: [probe]}, answer, reply"
        #expect(try weaker(whole, caught) == ["moderate, failures"])
        #expect(try weaker(whole, "entry, {parallel: [[moderate], [probe]]}, answer, reply") == [])
        #expect(try weaker(whole, "entry, {moderate: {}, async: true}, answer, reply") == ["moderate, failures"])
    }

    @Test("of a step with a queue are those of the steps that store behind it")
    func queues() throws {
        let alone = "entry, answer, {batch_probe: {}, async: {when_full: reject}}, reply"
        let group = "entry, answer, {background: {stages: [probe, batch_probe], when_full: reject}}, reply"
        #expect(try weaker(alone, group) == [])
        #expect(try weaker(group, alone) == [])
        let dropping = "entry, answer, {background: {stages: [batch_probe], when_full: drop}}, reply"
        #expect(try weaker(alone, dropping) == ["batch_probe, a full queue"])
    }

    @Test("of a step that does something outside get weaker behind a queue")
    func ordinarySteps() throws {
        let direct = "entry, answer, probe, reply"
        #expect(
            try weaker(direct, "entry, answer, {probe: {}, async: true}, reply") == [
                "probe, a killed process", "probe, a lost machine", "probe, failures",
            ])
        #expect(try weaker(direct, "entry, answer, reply, probe") == [])
        #expect(try weaker(direct, "entry, probe, answer, reply") == [])
    }

    @Test("of several stages that change in the same way are one change")
    func merged() throws {
        let old = "entry, answer, {background: {stages: [batch_probe, {batch_probe: {}, label: other}]}}, reply"
        let new = old.replacing("]}}, reply", with: "], when_full: drop}}, reply")
        #expect(try weaker(old, new) == ["batch_probe, other, a full queue"])
    }

    @Test("two stages that change places stay what they are, by their settings")
    func swapped() throws {
        let old = "entry, {moderate: {threshold: 0.1}}, {moderate: {threshold: 0.2}}, answer, reply"
        let new = "entry, {moderate: {threshold: 0.2}}, {moderate: {threshold: 0.1}}, answer, reply"
        #expect(GuaranteeComparison(of: [try file(old)], with: [try file(new)]).changes == [])
        let named =
            "entry, {moderate: {threshold: 0.1}, label: a}, {moderate: {threshold: 0.2}, label: b}, answer, reply"
        let exchanged = named.replacing("0.1", with: "0.3").replacing("0.2", with: "0.1").replacing("0.3", with: "0.2")
        #expect(try weaker(named, exchanged) == ["a, moderation"])
    }

    @Test("of tens of thousands of parts find their counterparts at once", .timeLimit(.minutes(1)))
    func manyParts() {
        func parts(_ limits: Range<Int>) -> [GuaranteedPart] {
            limits.enumerated().map { index, limit in
                let guarantee = Guarantee("longest prompt", "at most \(limit)", .atMost(Double(limit)), otherwise: "")
                return GuaranteedPart(
                    kind: .stage, name: "part-\(index)", type: "part", isNamed: false, guarantees: [guarantee])
            }
        }
        let pairs = GuaranteedPart.pairs(parts(0..<20_000), parts(1_000..<21_000))
        #expect(pairs.count == 20_000)
        #expect(pairs.count { $0.before?.guarantees == $0.now?.guarantees } == 19_000)
        #expect(pairs.allSatisfy { $0.before != nil && $0.now != nil })
    }

    @Test("a set of what is let in is weaker with one more, a set of what is covered with one less")
    func sets() {
        let (few, many) = (Set(["a"]), Set(["a", "b"]))
        #expect(Guarantee.Strength.allowing(few).change(to: .allowing(many)) == .weaker)
        #expect(Guarantee.Strength.allowing(many).change(to: .allowing(few)) == .stronger)
        #expect(Guarantee.Strength.allowing(few).change(to: .allowing(["c"])) == .weaker)
        #expect(Guarantee.Strength.covering(many).change(to: .covering(few)) == .weaker)
        #expect(Guarantee.Strength.covering(few).change(to: .covering(many)) == .stronger)
        #expect(Guarantee.Strength.levels([1, 1]).change(to: .levels([2, 0])) == .weaker)
        #expect(Guarantee.Strength.level(1).change(to: .level(1)) == nil)
        #expect(Guarantee.Strength.unranked.change(to: .level(1)) == nil)
        #expect(Guarantee.Strength.atMost(Duration?.none).change(to: .atMost(.seconds(1))) == .stronger)
    }
}
