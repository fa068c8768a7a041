import Testing

@testable import Pipeline

@Suite("Parallel")
struct ParallelTests {
    private static let topic = Field("topic")

    @Test("branches run at the same time, and what each changed is there after them")
    func joined() async throws {
        let (first, second) = (Gate(), Gate())
        let chain = try Chain {
            Entry()
            Chain.Parallel {
                Chain.StageList {
                    // Ends only once the other has begun.
                    Probe { message in
                        second.open()
                        await first.pass()
                        message[Self.topic] = .string("weather")
                    }
                }
                Chain.StageList {
                    Probe { _ in
                        first.open()
                        await second.pass()
                    }
                    Answer()
                }
            }
            Reply()
        }
        var message = Message(prompt: "x")
        try await chain.run(&message)
        #expect(message.completion?.text == "x")
        #expect(message[Self.topic] == .string("weather"))
    }

    @Test("branches that need no waiting run without it, and only the others are waited for")
    func withoutWaiting() async throws {
        let quick = try Chain {
            Chain.Parallel {
                Chain.StageList { Mark("a") }; Chain.StageList { Probe.setting("k", "v") }
            }
        }
        var message = Message(prompt: "x")
        let index = try #require(try quick.runWithoutWaiting(&message))
        #expect(message.prompt == "x")
        try await quick.run(&message, from: index)
        #expect(message.prompt == "x a")
        #expect(message.metadata == ["k": .string("v")])
        let whole = try Chain {
            Chain.Parallel {
                Chain.StageList { Mark("a") }; Chain.StageList { Chain.Route { Chain.Route.Case { Mark("b") } } }
            }
        }
        #expect(try whole.runWithoutWaiting(&message) == nil)
    }

    @Test("where both change what they don't say they provide the later branch has the last word")
    func lastWord() async throws {
        let chain = try Chain {
            Chain.Parallel {
                Chain.StageList { Probe { $0.prompt = "first" } }; Chain.StageList { Mark("second") };
                Chain.StageList { Probe() }
            }
        }
        var message = Message(prompt: "x", metadata: ["old": .int(1)])
        try await chain.run(&message)
        #expect(message.prompt == "x second")
        #expect(message.metadata == ["old": .int(1)])
    }

    @Test("the first branch that fails ends the others")
    func failing() async throws {
        let begun = Journal<String>()
        let chain = try Chain {
            Chain.Parallel {
                Chain.StageList {
                    Probe { _ in
                        begun.note("begun")
                        do {
                            try await Task.sleep(for: .seconds(60))
                        } catch {
                            begun.note("cancelled")
                            throw error
                        }
                    }
                }
                Chain.StageList {
                    Probe { _ in
                        await begun.wait(for: 1)
                        throw PipelineError(.tooLong, "no")
                    }.label("breaks")
                }
            }
        }
        var message = Message(prompt: "x")
        let error = await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(error?.stage == "breaks")
        #expect(begun.entries == ["begun", "cancelled"])
    }

    @Test("a timeout beside it ends every branch")
    func timeout() async throws {
        let ended = Journal<String>()
        let slow = Probe { _ in
            do {
                try await Task.sleep(for: .seconds(60))
            } catch {
                ended.note("ended")
                throw error
            }
        }
        let chain = try Chain {
            Chain.Parallel {
                Chain.StageList { slow }; Chain.StageList { slow }
            }.timeout(.milliseconds(20))
        }
        var message = Message(prompt: "x")
        let error = await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(error?.code == .timeout)
        #expect(error?.stage == "parallel")
        await ended.wait(for: 2)
    }
}

extension Probe {
    static func setting(_ key: String, _ value: String) -> Probe { Probe { $0.metadata[key] = .string(value) } }
}
