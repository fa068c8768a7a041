import Synchronization
import Testing

@testable import Pipeline

@Suite("Answers in pieces")
struct StreamingTests {
    /// Answers in pieces, and fails after some where it is told to.
    private struct Pieces: StreamingStage {
        static let name = "pieces"
        @Setting("What it says.") var says: [String] = ["a", "b"]
        @Setting("Whether it then fails.") var fails = false
        var provides: Fields { [.completion] }
        var sendsDeltas: Bool { true }

        func run(_ message: inout Message) async throws {
            for piece in says { try await message.deltas?.send(piece, of: message) }
            if fails { throw PipelineError(.modelUnavailable, "broken off", isRetryable: true) }
            message.completion = Completion(text: says.joined())
        }
    }

    /// Sends.
    private struct Sender: ReplyStage {
        static let name = "sender"
        var requires: Fields { [.completion] }
        var takesDeltas: Bool { true }
        func run(_ message: inout Message) async throws { message.reply?.answer(message) }
    }

    /// Rewrites the whole text.
    private struct Rewriter: Stage {
        static let name = "rewriter"
        var requires: Fields { [.completion] }
        func run(_ message: inout Message) async throws { message.completion?.text += "!" }
    }

    /// Rewrites each piece, and the whole.
    private struct Shouter: DeltaStage {
        static let name = "shouter"
        var requires: Fields { [.completion] }
        func run(delta: inout String, of message: Message) async throws { delta = delta.uppercased() }
        func run(_ message: inout Message) async throws {
            let text = message.completion?.text.uppercased() ?? ""
            message.completion?.text = text
        }
    }

    /// Notes partial answers.
    private struct Keeper: PartialAnswerStage {
        static let name = "keeper"
        @State var journal = Journal<String>()
        var requires: Fields { [.completion] }
        func run(_ message: inout Message) async throws {
            journal.note("kept \(message.completion?.text ?? "") \(message.completion?.response ?? "")")
        }
    }

    private struct Client: Pipeline.Reply {
        let journal: Journal<String>
        var takesDeltas = true
        func answer(_ message: Message) { journal.note("answer \(message.completion?.text ?? "")") }
        func send(delta: String, of message: Message) { journal.note("delta \(delta)") }
        func abandon(_ message: Message) {}
    }

    private func run(
        fails: Bool = false, takesDeltas: Bool = true, journal: Journal<String> = Journal(),
        @Chain.Builder _ rest: (Journal<String>) -> [Chain.Step]
    ) async throws -> [String] {
        let source = source(fails: fails).retry(Chain.RetryPolicy())
        return try await run(takesDeltas: takesDeltas, journal: journal) {
            source
            rest(journal)
        }
    }

    private func source(_ says: [String] = ["a", "b"], fails: Bool = false) -> Pieces {
        var pieces = Pieces()
        pieces.says = says
        pieces.fails = fails
        return pieces
    }

    private func run(
        takesDeltas: Bool = true, journal: Journal<String>, @Chain.Builder whole: () -> [Chain.Step]
    ) async throws -> [String] {
        let chain = try Chain {
            Entry()
            whole()
        }
        try await chain.open()
        var message = Message(prompt: "hello", reply: Client(journal: journal, takesDeltas: takesDeltas))
        do throws(PipelineError) {
            try await chain.run(&message)
        } catch {
            journal.note("error \(error.code)")
        }
        await chain.close()
        return journal.entries
    }

    private func keeper(_ journal: Journal<String>) -> Keeper {
        var keeper = Keeper()
        keeper.journal = journal
        return keeper
    }

    @Test("pieces leave before the answer")
    func pieces() async throws {
        #expect(try await run { _ in Sender() } == ["delta a", "delta b", "answer ab"])
    }

    @Test("a client that takes none gets the whole")
    func whole() async throws {
        #expect(try await run(takesDeltas: false) { _ in Sender() } == ["answer ab"])
    }

    @Test("a stage that rewrites the text turns pieces off, with one note")
    func rewriter() async throws {
        #expect(
            try await run { _ in
                Rewriter()
                Sender()
            } == ["answer ab!"])
        let steps = [Chain.Step(Entry()), Chain.Step(Pieces()), Chain.Step(Rewriter()), Chain.Step(Sender())]
        let notes = Wiring.problems(in: steps, registry: nil)
        #expect(notes.map(\.code) == [.streamingOff])
        #expect(notes.map(\.severity) == [.note])
    }

    @Test("a stage that works on pieces keeps them on")
    func shouter() async throws {
        #expect(
            try await run { _ in
                Shouter()
                Sender()
            } == ["delta A", "delta B", "answer AB"])
    }

    @Test("an answer that breaks off is kept in part, not tried again, and not sent")
    func partial() async throws {
        let journal = Journal<String>()
        let entries = try await run(fails: true, journal: journal) { journal in
            keeper(journal).async()
            Sender()
        }
        #expect(entries.prefix(2) == ["delta a", "delta b"])
        #expect(entries.contains("error model_unavailable"))
        #expect(entries.count == 4)
        let kept = entries.first { $0.hasPrefix("kept ab ") }
        #expect(kept?.contains("\"partial\":true") == true)
    }

    @Test("an answer that fails before its first piece is tried again and leaves nothing behind")
    func nothing() async throws {
        let journal = Journal<String>()
        let entries = try await run(fails: true, takesDeltas: false, journal: journal) { journal in
            keeper(journal)
            Sender()
        }
        #expect(entries == ["error model_unavailable"])
    }

    @Test("pieces leave from inside a composite stage, through what works on them behind it")
    func inside() async throws {
        let pieces = source()
        let entries = try await run(journal: Journal()) {
            Chain.Route {
                Chain.Route.Case(when: Chain.Condition("prompt", .longerThan(100))) { Answer() }
                Chain.Route.Case {
                    Chain.Attempt {
                        pieces
                    } catch: {
                        Answer()
                    }
                }
            }
            Shouter()
            Sender()
        }
        #expect(entries == ["delta A", "delta B", "answer AB"])
    }

    @Test("an answer that has begun to leave is neither caught nor tried again, but kept")
    func caughtTooLate() async throws {
        let journal = Journal<String>()
        let (pieces, keeper) = (source(fails: true), keeper(journal))
        let entries = try await run(journal: journal) {
            Chain.Attempt {
                pieces
            } catch: {
                Answer()
            }.retry(Chain.RetryPolicy())
            Chain.Parallel {
                Chain.StageList { keeper.async() }; Chain.StageList { Probe() }
            }
            Sender()
        }
        #expect(entries.count == 4)
        #expect(entries.prefix(2) == ["delta a", "delta b"])
        #expect(entries.contains("error model_unavailable"))
        #expect(entries.contains { $0.hasPrefix("kept ab ") })
    }

    @Test("an answer that fails before its first piece is caught, and another may leave in pieces")
    func caught() async throws {
        let (failing, pieces) = (source([], fails: true), source())
        let entries = try await run(journal: Journal()) {
            Chain.Attempt {
                failing
            } catch: {
                pieces
            }
            Sender()
        }
        #expect(entries == ["delta a", "delta b", "answer ab"])
    }

    @Test("what keeps pieces back is named, inside composite stages, too")
    func obstacles() {
        let some = Chain.Condition("prompt", .longerThan(1))
        let cases: [([Chain.Step], String)] = [
            (
                [
                    Chain.Step(Pieces()), Chain.Step(Chain.Route { Chain.Route.Case(when: some) { Rewriter() } }),
                    Chain.Step(Sender()),
                ],
                "'rewriter' needs the whole answer before it"
            ),
            (
                [Chain.Step(Pieces()), Chain.Step(Chain.Route { Chain.Route.Case { Sender() } })],
                "'sender' stands inside 'route'"
            ),
            (
                [
                    Chain.Step(
                        Chain.InBackground {
                            Pieces(); Sender()
                        })
                ], "'background' runs in the background"
            ),
            (
                [
                    Chain.Step(
                        Chain.Route {
                            Chain.Route.Case {
                                Pieces(); Rewriter()
                            }
                        }), Chain.Step(Sender()),
                ],
                "'rewriter' needs the whole answer before it"
            ),
        ]
        for (steps, reason) in cases {
            let notes = Wiring.problems(in: [Chain.Step(Entry())] + steps, registry: nil)
            #expect(
                notes.filter { $0.code == .streamingOff }.map(\.message) == [
                    "streaming is off: \(reason), so 'sender' sends answers whole"
                ])
        }
    }
}
