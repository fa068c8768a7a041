import Pipeline
import Testing

@testable import CustomHost

@Suite("shout")
struct ShoutTests {
    @Test("makes the prompt loud, with as many marks as it is set to")
    func shouts() async throws {
        var shout = Shout()
        shout.marks = 3
        let stage = shout
        let chain = try Chain {
            FixedPrompt(); stage
        }
        var message = Message(prompt: "hello")
        try await chain.run(&message)
        #expect(message.prompt == "HELLO!!!")
    }

    @Test("has one mark where the file says nothing")
    func defaults() {
        #expect(Shout.settings.map(\.name) == ["marks"])
        #expect(Shout.settings.first?.defaultText == "1")
    }
}

/// Stands for `receive`: says that there is a prompt.
private struct FixedPrompt: Stage {
    static let name = "fixed_prompt"
    var provides: Fields { [.prompt] }
    func run(_ message: inout Message) async throws {}
}
