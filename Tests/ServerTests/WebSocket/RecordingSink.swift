import NIOCore
import Pipeline

@testable import Server
@testable import WebSocketCodec

/// Answers each message at once, as a pipeline that doesn't wait does.
final class RecordingSink: MessageSink {
    private var connection: WebSocketHandler?
    private(set) var received: [String] = []
    private(set) var refused: [String] = []
    var isBackpressured = false
    var hasReceived: (() -> Void)?
    /// Whether it answers nothing.
    var isSilent = false
    /// Whether what it receives is not over.
    var holds = false
    /// Those that others have sent, where nothing holds what it receives.
    var pending: Int {
        get { holds ? received.count : others }
        set { others = newValue }
    }
    private var others = 0
    var pendingBytes: Int { 0 }

    func begin(on connection: WebSocketHandler) { self.connection = connection }

    func receive(_ text: String) {
        received.append(text)
        hasReceived?()
        if holds { return }
        if !isSilent { connection?.write(text: text) }
        connection?.messagesHaveEnded()
    }

    func refuse(_ text: String, with error: PipelineError) { refused.append(text) }

    func receive(_ binary: ByteBuffer) {}

    func stop() -> Int { 0 }

    func end() { connection = nil }

    func hasFailed(_ error: any Error) {}

    func hasEnded(with code: WebSocketCloseCode?) {}

    func willBeCut(because reason: String) {}
}
