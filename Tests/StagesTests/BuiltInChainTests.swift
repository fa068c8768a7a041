import Foundation
import Pipeline
import Resources
import Stages
import Synchronization
import Testing

@Suite("Built-in stages in a chain written in Swift")
final class BuiltInChainTests {
    private final class Answers: Reply {
        let texts = Mutex<[String]>([])

        func answer(_ message: Message) {
            texts.withLock { $0.append(message.completion?.text ?? "") }
        }

        func abandon(_ message: Message) {}
    }

    private let folder = FileManager.default.temporaryDirectory.appending(path: "stagecoach-\(UUID().uuidString)")
    private var path: String { folder.appending(path: "requests.db").path }

    deinit { try? FileManager.default.removeItem(at: folder) }

    @Test("the documented flow answers and stores")
    func documentedFlow() async throws {
        let store = SQLite(path: path)
        let chain = try Chain(resources: ["model": Echo(), "database": store]) {
            Receive()
            Validate(maxLength: 8_000)
            Complete()
            Persist().async()
            Respond()
        }
        try await chain.open()
        let answers = Answers()
        var message = Message(prompt: "What is 2+2?", reply: answers)
        try await chain.run(&message)
        #expect(answers.texts.withLock(\.self) == ["What is 2+2?"])
        await chain.close()
        let rows = try await store.rows(ofSession: message.session.id, in: "requests", limit: 10)
        #expect(rows.map(\.id) == [message.id])
        #expect(rows.first?.createdAt == message.receivedAt)
    }

    @Test("what is wrong with it is said all at once")
    func problems() {
        let error = #expect(throws: Chain.BuildError.self) {
            try Chain(resources: ["a": Echo(), "b": Echo()]) {
                Receive()
                Persist()
                Complete()
            }
        }
        #expect(
            error?.problems == [
                "stage 'persist' needs a database, and 'resources' has none",
                "stage 'complete' can use 'a', 'b': name one, as in {resource: a}",
            ])
    }

    @Test(
        "validate refuses what can't be worked on",
        arguments: [
            ("", "invalid_message"), (" \n\t", "invalid_message"), ("a\u{0}b", "invalid_message"), ("éééé", "too_long"),
        ])
    func validation(prompt: String, code: String) async throws {
        let chain = try Chain(resources: ["model": Echo()]) {
            Receive()
            Validate(maxLength: 3)
        }
        var message = Message(prompt: prompt)
        let error = await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(error?.code.rawValue == code)
        #expect(error?.stage == "validate")
    }

    @Test("validate takes a prompt of exactly the limit, counted in Unicode scalars")
    func limit() async throws {
        let chain = try Chain {
            Receive(); Validate(maxLength: 3)
        }
        var message = Message(prompt: "日本é")
        try await chain.run(&message)
    }

    @Test(
        "the client's metadata is stored only where asked for, beside the API's response",
        arguments: [
            (true, "{\"a\":1}", "{\"a\":1,\"client\":{\"k\":\"v\"}}"), (true, "{ }", "{ \"client\":{\"k\":\"v\"}}"),
            (true, nil, "{\"client\":{\"k\":\"v\"}}"), (false, "{\"a\":1}", "{\"a\":1}"),
        ])
    func clientMetadata(isStored: Bool, response: String?, expected: String) async throws {
        let store = SQLite(path: path)
        let chain = try Chain(resources: ["database": store]) {
            Receive()
            Fixed(response: response)
            Persist(table: "requests", clientMetadata: isStored)
        }
        try await chain.open()
        var message = Message(prompt: "x", metadata: ["k": .string("v")])
        try await chain.run(&message)
        await chain.close()
        let rows = try await store.rows(ofSession: message.session.id, in: "requests", limit: 1)
        #expect(rows.first?.metadata == expected)
    }

    @Test("U+0000, which no database takes in text, is stored as U+FFFD and cuts nothing off")
    func nul() async throws {
        let store = SQLite(path: path)
        let chain = try Chain(resources: ["model": Echo(), "database": store]) {
            Receive(); Complete(); Persist()
        }
        try await chain.open()
        var message = Message(prompt: "a\u{0}b")
        try await chain.run(&message)
        await chain.close()
        let rows = try await store.rows(ofSession: message.session.id, in: "requests", limit: 1)
        #expect(rows.map(\.prompt) == ["a\u{FFFD}b"])
        #expect(rows.map(\.response) == ["a\u{FFFD}b"])
    }

    private struct Fixed: Stage {
        static let name = "fixed"
        @Setting("The API's response.") var response: String?
        var provides: Fields { [.completion] }

        init() {}

        init(response: String?) { self.response = response }

        func run(_ message: inout Message) async throws {
            message.completion = Completion(text: "text", response: response)
        }
    }
}
