import Foundation
import Pipeline
import PipelineTesting
import Testing

@testable import CustomHost

@Suite("phrasebook")
struct PhrasebookTests {
    private func answer(of book: Phrasebook, to prompt: String) async throws -> Completion {
        try await book.complete(
            CompletionRequest(model: "any", turns: [.init(.user, prompt)], timeout: .seconds(1)))
    }

    @Test("answers from its file, and says so where a phrase is not there")
    func answers() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "phrases-\(UUID().uuidString)").path
        try "hello\tHello yourself.\nno tab\n".write(toFile: path, atomically: true, encoding: .utf8)
        let book = Phrasebook(path: path)
        try await book.open(ResourceContext(name: "model"))
        #expect(book.health == .ready)
        #expect(try await answer(of: book, to: "hello").text == "Hello yourself.")
        #expect(try await answer(of: book, to: "no tab").text == "I don't know.")
        try FileManager.default.removeItem(atPath: path)
    }

    @Test("is not ready without its file, and its error may pass")
    func missing() async throws {
        let book = Phrasebook(path: "/nowhere")
        try await book.open(ResourceContext(name: "model"))
        #expect(book.health.error?.code == .modelUnavailable)
        let error = await #expect(throws: PipelineError.self) { try await answer(of: book, to: "hello") }
        #expect(error?.isRetryable == true)
    }
}
