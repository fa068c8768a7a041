import Pipeline
import PipelineTesting
import Synchronization
import Server

/// Takes down what is said in conversations, what models answered and what was stored: what a test of each needs.
final class Recorder: ConversationObserver {
    private struct State {
        var conversations: [RecordedConversation] = []
        /// Their indices, by session.
        var indices: [String: Int] = [:]
    }

    private let state = Mutex(State())

    /// Puts itself around models and databases.
    var wrapping: ResourceWrapping {
        { name, resource in
            switch resource {
            case let model as any Model: RecordedModel(model, named: name, by: self)
            case let database as any RowStore: RecordedDatabase(database, by: self)
            default: resource
            }
        }
    }

    /// The conversations in which something was said, in the order in which they began.
    var conversations: [RecordedConversation] { state.withLock { $0.conversations.filter { !$0.heard.isEmpty } } }

    /// A client is there.
    func begin(_ session: Session, _ format: Message.Format) {
        state.withLock { state in
            guard state.indices[session.id] == nil else { return }
            state.indices[session.id] = state.conversations.count
            state.conversations.append(RecordedConversation(format: format))
        }
    }

    /// What a client said.
    func heard(_ frame: String, in session: Session) { change(session.id) { $0.heard.append(frame) } }

    /// What a client was told.
    func told(_ frame: ServerFrame, in session: Session) {
        switch frame.kind {
        case .session, .delta: break
        case .response, .error:
            change(session.id) { $0.told.append(SaidFrame(frame, number: 0, format: $0.format)) }
        }
    }

    /// A model is asked.
    ///
    /// - Returns: What takes its answer.
    func asked(_ model: String, in session: String) -> @Sendable (RecordedReply.Outcome) -> Void {
        let number = change(session) { conversation in
            conversation.replies.append(RecordedReply(model: model, outcome: .none))
            return conversation.replies.count - 1
        }
        return { outcome in
            if let number { self.change(session) { $0.replies[number].outcome = outcome } }
        }
    }

    /// What became of rows.
    func stored(_ rows: [Row], in table: String, _ outcome: InsertOutcome) {
        for (session, rows) in Dictionary(grouping: rows, by: \.sessionID) {
            change(session) { conversation in
                conversation.inserts.append(outcome)
                guard outcome == .ok else { return }
                conversation.rows += rows.filter { row in
                    !conversation.rows.contains { $0.table == table && $0.row.id == row.id }
                }.map { (table, $0) }
            }
        }
    }

    /// What was said in a session before, as a database has it.
    func found(_ rows: [Row], ofSession session: String) {
        change(session) { conversation in
            guard conversation.earlier == nil else { return }
            let own = conversation.rows.map(\.row.id)
            conversation.earlier = rows.filter { !own.contains($0.id) }
        }
    }

    @discardableResult
    private func change<Result: Sendable>(
        _ session: String, _ change: (inout RecordedConversation) -> Result
    ) -> Result? {
        state.withLock { state in state.indices[session].map { change(&state.conversations[$0]) } }
    }
}
