import Pipeline
import PipelineTesting
import Server

/// What happened in one session.
struct RecordedConversation: Sendable {
    let format: Message.Format
    let begun = Timestamp.now
    /// What the client said, frame by frame.
    var heard: [String] = []
    /// What the client was told, without the greeting and pieces of answers.
    var told: [SaidFrame] = []
    /// What models answered, in the order in which they were asked.
    var replies: [RecordedReply] = []
    /// What became of inserts, and the rows that are stored.
    var inserts: [InsertOutcome] = []
    var rows: [(table: String, row: Row)] = []
    /// What the session had said before; `nil` where nobody asked.
    var earlier: [Row]?

    init(format: Message.Format) { self.format = format }
}

/// A model's answer to one question.
struct RecordedReply: Sendable {
    enum Outcome: Sendable {
        /// None came, or nobody waited for it any more.
        case none
        /// The whole answer, in the pieces in which it came.
        case answer([String], tokens: Int?)
        /// An error, after some pieces.
        case failure([String], PipelineError.Code)
    }

    /// The model's name in the file.
    let model: String
    var outcome: Outcome
}
