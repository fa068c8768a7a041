public import Pipeline
import Synchronization

/// What became of a message in a test.
public struct TestReply: Sendable {
    /// The answer's text; `nil` where none was sent.
    public let answer: String?
    /// The pieces that were sent before it, where the pipeline streams.
    public let pieces: [String]
    /// The error that ended the message.
    public let error: PipelineError?
    /// The message as the stages left it; as it came, where one failed.
    public let message: Message
}

/// Takes what a message's stages send to its client.
final class ReplyRecorder: Reply {
    private let state = Mutex<(answer: String?, pieces: [String])>((nil, []))

    let takesDeltas = true

    func answer(_ message: Message) {
        state.withLock { if $0.answer == nil { $0.answer = message.completion?.text ?? "" } }
    }

    func send(delta: String, of message: Message) { state.withLock { $0.pieces.append(delta) } }

    func abandon(_ message: Message) {}

    func reply(to message: Message, _ error: PipelineError?) -> TestReply {
        let (answer, pieces) = state.withLock(\.self)
        return TestReply(answer: answer, pieces: pieces, error: error, message: message)
    }
}

/// What is wrong with a stage's entry or a pipeline file that a test names.
public struct TestProblem: Error, CustomStringConvertible {
    /// The diagnostics as `check` prints them.
    public let description: String
}
