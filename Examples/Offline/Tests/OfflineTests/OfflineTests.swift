import Pipeline
import Stages
import Synchronization
import Testing

@testable import Offline

@Suite("A chain written in Swift")
struct OfflineTests {
    @Test("answers a message, from the way in to the way out")
    func answers() async throws {
        let chain = try #require(try Offline.chains["offline"])
        try await chain.open()
        let client = Client()
        var message = Message(prompt: "What is 2+2?", reply: client)
        try await chain.run(&message)
        await chain.close()
        #expect(client.answers.withLock(\.self) == ["What is 2+2?"])
    }

    @Test("needs no more than its stages and resources")
    func alone() throws {
        let chain = try Chain(resources: ["model": Echo()]) {
            Receive(); Complete(); Respond()
        }
        #expect(chain.labels == ["receive", "complete", "respond"])
    }

    @Test("says what is wrong with its wiring, and where nothing is there to ask")
    func problems() {
        let error = #expect(throws: Chain.BuildError.self) {
            try Chain {
                Receive(); Respond(); Complete()
            }
        }
        #expect(error?.problems.contains { $0.contains("needs 'completion'") } == true, "\(error?.description ?? "")")
        #expect(error?.problems.contains { $0.contains("needs a model") } == true, "\(error?.description ?? "")")
    }

    private final class Client: Reply {
        let answers = Mutex<[String]>([])
        func answer(_ message: Message) { answers.withLock { $0.append(message.completion?.text ?? "") } }
        func abandon(_ message: Message) {}
    }
}
