import Pipeline
import PipelineTesting
import Synchronization
import Server

/// A model that has a recorder take down what it answers.
struct RecordedModel: Model {
    static let name = "recorded_model"

    @State private var inner: any Model = ScriptedModel()
    @State private var recorder = Recorder()
    @State private var ownName = ""

    init() {}

    init(_ inner: any Model, named name: String, by recorder: Recorder) {
        (self.inner, self.recorder, ownName) = (inner, recorder, name)
    }

    var health: Health { inner.health }

    var isHealthFresh: Bool { inner.isHealthFresh }

    func refreshHealth() async { await inner.refreshHealth() }

    var longestRefresh: Duration { inner.longestRefresh }

    func open(_ context: ResourceContext) async throws { try await inner.open(context) }

    func close() async { await inner.close() }

    func complete(_ request: CompletionRequest) async throws -> Completion {
        try await recording(request) { _ in try await inner.complete(request) }
    }

    func complete(
        _ request: CompletionRequest, receive: nonisolated(nonsending) @Sendable (String) async throws -> Void
    ) async throws -> Completion {
        try await recording(request) { pieces in
            try await inner.complete(request) { piece in
                if !piece.isEmpty { pieces.add(piece) }
                try await receive(piece)
            }
        }
    }

    func completeWithoutWaiting(_ request: CompletionRequest) throws -> Completion? {
        guard let completion = try inner.completeWithoutWaiting(request) else { return nil }
        recorder.asked(ownName, in: request.conversation)(.answer([completion.text], tokens: completion.tokensUsed))
        return completion
    }

    private func recording(
        _ request: CompletionRequest, _ ask: (RecordedPieces) async throws -> Completion
    ) async throws -> Completion {
        let answered = recorder.asked(ownName, in: request.conversation)
        let pieces = RecordedPieces()
        do {
            let completion = try await ask(pieces)
            let all = pieces.all
            answered(.answer(all.joined() == completion.text ? all : [completion.text], tokens: completion.tokensUsed))
            return completion
        } catch let error as PipelineError {
            answered(.failure(pieces.all, error.code))
            throw error
        }
    }
}

/// The pieces of an answer as they come.
private final class RecordedPieces: Sendable {
    private let pieces = Mutex<[String]>([])

    var all: [String] { pieces.withLock(\.self) }

    func add(_ piece: String) { pieces.withLock { $0.append(piece) } }
}
