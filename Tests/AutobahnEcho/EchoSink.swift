import Server
import NIOCore
import Pipeline
import WebSocketCodec

/// Says back every message.
final class EchoSink: MessageSink {
    private var connection: WebSocketHandler?
    var isBackpressured = false
    var pending: Int { 0 }
    var pendingBytes: Int { 0 }

    func begin(on connection: WebSocketHandler) { self.connection = connection }

    func receive(_ text: String) { connection?.write(text: text) }

    func refuse(_ text: String, with error: PipelineError) {}

    func receive(_ binary: ByteBuffer) { connection?.write(binary: binary) }

    func stop() -> Int { 0 }

    func end() { connection = nil }

    func hasFailed(_ error: any Error) {}

    func hasEnded(with code: WebSocketCloseCode?) {}

    func willBeCut(because reason: String) {}
}
