package import NIOCore

/// Frames to a client that have not left yet, one behind the other; messages are compressed where that was agreed on.
package struct OutgoingFrames {
    private let deflater: Deflater?
    private var bytes: ByteBuffer?
    /// The answer to the last ping that came while the client had not taken what was before it. Of those pings only the
    /// last need be answered (RFC 6455 section 5.5.3).
    private var waitingPong: ByteBuffer?

    package init(compression: PermessageDeflate?) {
        deflater = compression.map(Deflater.init)
    }

    package var isEmpty: Bool { bytes == nil && waitingPong == nil }

    /// Bytes of them.
    package var count: Int { bytes?.readableBytes ?? 0 }

    /// Whether a pong waits for the client to take what is before it.
    package var holdsPong: Bool { waitingPong != nil }

    /// All of them, which are not here any more.
    ///
    /// - Parameter isTaken: Whether the client has taken all that left before; asked where a pong waits for that.
    package mutating func take(isTaken: @autoclosure () -> Bool = true) -> ByteBuffer? {
        if waitingPong != nil, isTaken(), let payload = waitingPong.take() { pong(payload) }
        return bytes.take()
    }

    package mutating func text(_ text: String) {
        guard let deflater else { return add { WebSocketEncoder.text(text, into: &$0) } }
        var text = text
        if let payload = text.withUTF8({ deflater.deflate(UnsafeRawBufferPointer($0)) }) {
            add { WebSocketEncoder.compressed(.text, payload, into: &$0) }
        } else {
            add { WebSocketEncoder.text(text, into: &$0) }
        }
    }

    package mutating func binary(_ message: ByteBuffer) {
        if let payload = deflater.flatMap({ message.withUnsafeReadableBytes($0.deflate) }) {
            add { WebSocketEncoder.compressed(.binary, payload, into: &$0) }
        } else {
            add { WebSocketEncoder.binary(message, into: &$0) }
        }
    }

    package mutating func ping() {
        add { WebSocketEncoder.ping(ByteBuffer(), into: &$0) }
    }

    /// A pong that leaves once the client has taken what is before it; of several the last.
    package mutating func pongLater(_ payload: ByteBuffer) { waitingPong = payload }

    package mutating func pong(_ payload: ByteBuffer) {
        add { WebSocketEncoder.pong(payload, into: &$0) }
    }

    /// All of them and, as the last, a Close.
    package mutating func takeAll(closingWith code: WebSocketCloseCode?, _ reason: String) -> ByteBuffer {
        var last = bytes.take() ?? ByteBuffer()
        WebSocketEncoder.close(code, reason: reason, into: &last)
        return last
    }

    private mutating func add(_ encode: (inout ByteBuffer) -> Void) {
        var buffer = bytes.take() ?? ByteBufferAllocator().buffer(capacity: 256)
        encode(&buffer)
        bytes = buffer
    }
}
