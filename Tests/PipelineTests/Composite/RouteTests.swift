import Testing

@testable import Pipeline

@Suite("Route")
struct RouteTests {
    private func route(_ prompt: String, hasRest: Bool = true) async throws -> String {
        let help = Chain.Route.Case(when: Chain.Condition("prompt", .startsWith("/help"))) { Mark("help") }
        let loud = Chain.Route.Case(when: Chain.Condition("prompt", .startsWith("/"))) {
            Mark("other"); Mark("again")
        }
        let rest = Chain.Route.Case { Mark("rest") }
        var route = Chain.Route { help }
        route.cases = [help, loud] + (hasRest ? [rest] : [])
        let chain = try Chain {
            Entry(); route; Mark("end")
        }
        var message = Message(prompt: prompt)
        try await chain.run(&message)
        return message.prompt
    }

    @Test(
        "a message goes through the first case that it matches, and then on",
        arguments: [("/help", "/help help end"), ("/x", "/x other again end"), ("x", "x rest end")])
    func first(prompt: String, expected: String) async throws {
        #expect(try await route(prompt) == expected)
    }

    @Test("a message that matches no case passes by")
    func none() async throws {
        #expect(try await route("x", hasRest: false) == "x end")
    }

    @Test("a modifier beside it holds for all of it")
    func modifiers() async throws {
        let failing = Chain.Route {
            Chain.Route.Case {
                Mark("done"); Probe { _ in throw SomeError() }
            }
        }
        let chain = try Chain {
            failing.onError(.continue); Mark("end")
            failing.when(Chain.Condition("session.username", .equals(.string("nobody")))); Mark("more")
        }
        var message = Message(prompt: "x")
        try await chain.run(&message)
        #expect(message.prompt == "x end more")
    }

    @Test("a case changes nothing of which case was chosen, also where a stage has to wait")
    func chosenOnce() async throws {
        let chain = try Chain {
            Quick()
            Chain.Route {
                Chain.Route.Case(when: Chain.Condition("prompt", .equals(.string("x")))) {
                    Mark("quick"); Probe { $0.prompt += " slow" }; Mark("last")
                }
                Chain.Route.Case { Mark("wrong") }
            }.when(Chain.Condition("prompt", .equals(.string("x"))))
            Mark("end")
        }
        var message = Message(prompt: "x")
        let index = try #require(try chain.runWithoutWaiting(&message))
        #expect(message.prompt == "x quick")
        try await chain.run(&message, from: index)
        #expect(message.prompt == "x quick slow last end")
    }

    @Test("an error carries the label of the stage inside")
    func error() async throws {
        let chain = try Chain {
            Chain.Route {
                Chain.Route.Case {
                    Chain.Route { Chain.Route.Case { Probe { _ in throw SomeError() }.label("inner") } }
                }
            }
        }
        var message = Message(prompt: "x")
        let error = await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(error?.stage == "inner")
    }

    @Test("stages inside have names of their own in the whole chain, and their modifiers")
    func names() async throws {
        let chain = try Chain {
            Entry(); Mark("a")
            Chain.Route {
                Chain.Route.Case(when: Chain.Condition("prompt", .longerThan(5))) { Mark("b").label("mine") }
                Chain.Route.Case { Mark("c").when(Chain.Condition("prompt", .equals(.string("no")))) }
            }
            Mark("d")
        }
        #expect(chain.labels == ["entry", "mark", "route", "mine", "mark-2", "mark-3"])
        var message = Message(prompt: "x")
        try await chain.run(&message)
        #expect(message.prompt == "x a d")
    }
}

/// Says that there is a prompt, without waiting.
private struct Quick: ImmediateStage {
    static let name = "quick"
    var provides: Fields { [.prompt] }
    func run(_ message: inout Message) throws {}
}

/// Adds a word to the prompt, without waiting.
struct Mark: ImmediateStage {
    static let name = "mark"
    @Setting("The word.") var word = "mark"

    init() {}

    init(_ word: String) { self.word = word }

    func run(_ message: inout Message) throws { message.prompt += " \(word)" }
}
