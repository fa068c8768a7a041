import Synchronization
import Testing

@testable import Pipeline

/// What is reserved for a message ends with it, whatever ends it.
@Suite("What is reserved for a message", .timeLimit(.minutes(1)))
struct ClaimTests {
    private final class Claim: MessageClaim {
        let journal: Journal<String>

        init(_ journal: Journal<String>) {
            self.journal = journal
        }

        func settle(tokens: Int?) { journal.note("cost \(tokens ?? -1)") }

        deinit { journal.note("over") }
    }

    fileprivate static func reserve(_ journal: Journal<String>) -> Probe {
        Probe { $0.claims.append(Claim(journal)) }
    }

    private func run(_ chain: Chain) async {
        var message = Message(prompt: "x")
        try? await chain.run(&message)
    }

    @Test("it ends with a message that runs to its end, fails, or takes too long")
    func ends() async throws {
        let journal = Journal<String>()
        let chains = try [
            Chain { Self.reserve(journal) },
            Chain {
                Self.reserve(journal)
                Probe { _ in throw SomeError() }
            },
            Chain {
                Self.reserve(journal)
                Probe { _ in try await Task.sleep(for: .seconds(60)) }.timeout(.milliseconds(1))
            },
        ]
        for (number, chain) in chains.enumerated() {
            await run(chain)
            await journal.wait(for: number + 1)
        }
        #expect(journal.entries == ["over", "over", "over"])
    }

    @Test("it lasts as long as the message waits in memory, and hears of the cost before that")
    func queued() async throws {
        let (journal, gate) = (Journal<String>(), Gate())
        let chain = try Chain {
            Self.reserve(journal)
            Probe { $0.completion = Completion(text: "y", tokensUsed: 7) }
            Probe { _ in await gate.pass() }.async()
        }
        try await chain.open()
        await run(chain)
        #expect(journal.entries == ["cost 7"])
        gate.open()
        await journal.wait(for: 2)
        await chain.close()
        #expect(journal.entries == ["cost 7", "over"])
    }

    @Test("a message without an answer says no cost where it is handed over")
    func unanswered() async throws {
        let journal = Journal<String>()
        let chain = try Chain {
            Self.reserve(journal)
            Probe { _ in }.async()
        }
        try await chain.open()
        await run(chain)
        await journal.wait(for: 1)
        await chain.close()
        #expect(journal.entries == ["over"])
    }

    @Test("stages that hold others keep it")
    func composites() async throws {
        let journal = Journal<String>()
        let chain = try Chain {
            Chain.Route { Chain.Route.Case { Self.reserve(journal) } }
            Chain.Attempt {
                Probe { _ in throw SomeError() }
            } catch: {
                Probe { _ in journal.note("caught") }
            }
            Chain.Route { Chain.Route.Case { Probe { message in journal.note("has \(message.claims.count)") } } }
        }
        await run(chain)
        await journal.wait(for: 3)
        #expect(journal.entries == ["caught", "has 1", "over"])
    }
}
