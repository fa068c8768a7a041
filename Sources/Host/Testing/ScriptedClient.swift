import NIOCore
import Pipeline
import PipelineTesting
import Synchronization
import Server

/// A frame that a test's client got.
struct SaidFrame: Sendable {
    let kind: ServerFrame.Kind
    /// The frame: a string in text format.
    let value: JSONValue
    /// What it says: an answer, a piece of one, or an error's message.
    let text: String

    init(_ frame: ServerFrame, number: Int, format: Message.Format) {
        let written = frame.text(sequence: number)
        kind = frame.kind
        guard format == .json, let value = JSONValue(json: written) else {
            (value, text) = (.string(written), written)
            return
        }
        self.value = value
        text = value["response"]?.text ?? value["text"]?.text ?? value["error"]?["message"]?.text ?? ""
    }

    /// What it is for a test's `order`.
    var event: TestEvent? {
        switch kind {
        case .session: nil
        case .delta: .delta
        case .response: .response
        case .error: .error
        }
    }
}

/// What happened in a test, in order.
final class TestJournal: Sendable {
    private let state = Mutex<[TestEvent]>([])

    var events: [TestEvent] { state.withLock(\.self) }

    func note(_ event: TestEvent) { state.withLock { $0.append(event) } }
}

/// The client of a test: takes what is said, and knows when the conversation is over. Lives on the event loop.
final class ScriptedClient: ConversationClient {
    private let format: Message.Format
    private let journal: TestJournal
    private let done: EventLoopPromise<Void>
    private(set) var said: [SaidFrame] = []
    private var hasSaidAll = false
    private var isOver = false

    init(_ format: Message.Format, journal: TestJournal, done: EventLoopPromise<Void>) {
        (self.format, self.journal, self.done) = (format, journal, done)
    }

    func send(_ frame: ServerFrame) {
        let frame = SaidFrame(frame, number: said.count + 1, format: format)
        said.append(frame)
        if let event = frame.event { journal.note(event) }
    }

    /// Says everything that the test's client has to say.
    func say(_ frames: [SentFrames.Frame], in conversation: Conversation) {
        conversation.begin()
        for frame in frames { conversation.receive(frame.text(in: format)) }
        hasSaidAll = true
        if conversation.pending == 0 { end() }
    }

    func conversationIsIdle() {
        if hasSaidAll { end() }
    }

    private func end() {
        if !isOver { done.succeed() }
        isOver = true
    }
}

extension SentFrames.Frame {
    fileprivate func text(in format: Message.Format) -> String {
        switch self {
        case .prompt(let text): format == .text ? text : JSONValue.object(["prompt": .string(text)]).json
        case .object(let value): value.json
        }
    }
}

extension JSONValue {
    subscript(key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }
}
