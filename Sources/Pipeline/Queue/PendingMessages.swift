import Synchronization

/// The messages that the asynchronous steps of a chain have taken and not ended yet.
public final class PendingMessages: Sendable {
    private let backgrounds = Mutex<[Background]>([])

    /// Those of no chain.
    public init() {}

    func watch(_ backgrounds: [Background]) {
        self.backgrounds.withLock { $0 = backgrounds }
    }

    /// Those of a session, in order; one that waits for several steps comes several times. Of very many only the last ones.
    ///
    /// - Throws: ``PipelineError`` where a queue can't be read.
    public func messages(ofSession id: String) async throws(PipelineError) -> [Message] {
        var result: [Message] = []
        for background in backgrounds.withLock(\.self) { result += try await background.waiting(ofSession: id) }
        return result
    }

    /// Whether there are none.
    package var isEmpty: Bool {
        backgrounds.withLock(\.self).allSatisfy { $0.depth.messages == 0 }
    }

    /// Those in memory that pass a test; one that waits for several steps comes once.
    package func messages(where passes: @Sendable (Message) -> Bool) -> [Message] {
        var known: Set<UniqueID> = []
        return backgrounds.withLock(\.self).flatMap { $0.waiting(where: passes) }.filter {
            known.insert($0.id).inserted
        }
    }

    /// The messages of a session with an id: one for each step that it waits for.
    ///
    /// - Throws: As ``messages(ofSession:)``.
    package func messages(_ id: UniqueID, ofSession session: String) async throws(PipelineError) -> [Message] {
        var result: [Message] = []
        for background in backgrounds.withLock(\.self) {
            result += try await background.waiting(id, ofSession: session)
        }
        return result
    }
}
