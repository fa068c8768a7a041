import NIOCore

/// Frames to a client that have not left yet, one behind the other; messages are compressed where that was agreed on.
struct OutgoingFrames {
    private let deflater: Deflater?
    private var bytes: ByteBuffer?

    init(compression: PermessageDeflate?) {
        deflater = compression.map(Deflater.init)
    }

    var isEmpty: Bool { bytes == nil }

    /// All of them, which are not here any more.
    mutating func take() -> ByteBuffer? { bytes.take() }

    mutating func text(_ text: String) {
        guard let deflater else { return add { WebSocketEncoder.text(text, into: &$0) } }
        var text = text
        if let payload = text.withUTF8({ deflater.deflate(UnsafeRawBufferPointer($0)) }) {
            add { WebSocketEncoder.compressed(.text, payload, into: &$0) }
        } else {
            add { WebSocketEncoder.text(text, into: &$0) }
        }
    }

    mutating func binary(_ message: ByteBuffer) {
        if let payload = deflater.flatMap({ message.withUnsafeReadableBytes($0.deflate) }) {
            add { WebSocketEncoder.compressed(.binary, payload, into: &$0) }
        } else {
            add { WebSocketEncoder.binary(message, into: &$0) }
        }
    }

    mutating func ping() {
        add { WebSocketEncoder.ping(ByteBuffer(), into: &$0) }
    }

    mutating func pong(_ payload: ByteBuffer) {
        add { WebSocketEncoder.pong(payload, into: &$0) }
    }

    /// All of them and, as the last, a Close.
    mutating func takeAll(closingWith code: WebSocketCloseCode?, _ reason: String) -> ByteBuffer {
        var last = take() ?? ByteBuffer()
        WebSocketEncoder.close(code, reason: reason, into: &last)
        return last
    }

    private mutating func add(_ encode: (inout ByteBuffer) -> Void) {
        var buffer = take() ?? ByteBufferAllocator().buffer(capacity: 256)
        encode(&buffer)
        bytes = buffer
    }
}
