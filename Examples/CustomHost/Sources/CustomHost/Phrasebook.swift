import Foundation
import Pipeline
import Synchronization

/// Your own model: it answers from a file with a question and its answer on each line, a tab between them.
struct Phrasebook: Model {
    static let name = "phrasebook"
    static let summary = "Answers from a file: a question, a tab and its answer on each line."
    static let example = "phrasebook: {path: phrases.tsv}"

    @Setting("The file.") var path: String
    @Setting("What is answered to everything else.") var otherwise = "I don't know."

    @State private var book = Book()

    init() {}

    init(path: String) { self.path = path }

    /// Read for every message, so it only says what is known.
    var health: Health { book.phrases.withLock { $0 == nil } ? .failing(missing) : .ready }

    /// A file that is not there is no reason to fail: `validate` tells clients, and `doctor` tells you.
    func open(_ context: ResourceContext) async throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            context.logger.error("The phrases can't be read", metadata: ["path": "\(path)"])
            return
        }
        let pairs = text.split(separator: "\n").map { $0.split(separator: "\t", maxSplits: 1).map(String.init) }
        let phrases = Dictionary(pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { first, _ in first }
        book.phrases.withLock { $0 = phrases }
    }

    func complete(_ request: CompletionRequest) async throws -> Completion { try answer(request) }

    /// A model that needs no waiting says so, and messages need no task for it.
    func completeWithoutWaiting(_ request: CompletionRequest) throws -> Completion? { try answer(request) }

    private func answer(_ request: CompletionRequest) throws -> Completion {
        guard let phrases = book.phrases.withLock(\.self) else { throw missing }
        let text = request.turns.last.flatMap { phrases[$0.content] } ?? otherwise
        return Completion(text: text, tokensUsed: text.split(separator: " ").count, finishReason: "stop")
    }

    private var missing: PipelineError {
        PipelineError(.modelUnavailable, "The model is not available", isRetryable: true, detail: "no file '\(path)'")
    }

    /// What the file says, from the opening on.
    private final class Book: Sendable {
        let phrases = Mutex<[String: String]?>(nil)
    }
}
