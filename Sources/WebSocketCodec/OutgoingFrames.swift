package import NIOCore

/// Frames to a client that have not left yet, one behind the other; messages are compressed where that was agreed on.
package struct OutgoingFrames {
    /// Shorter texts are copied: sending two pieces costs as much as copying this many bytes.
    static let shortest = 8 << 10

    private let deflater: Deflater?
    private let buffers: FrameBuffers
    private var bytes: ByteBuffer?
    /// A long text whose header is the end of `bytes`: it leaves from where it is.
    private var longText: String?
    /// The answer to the last ping that came while the client had not taken what was before it. Of those pings only the
    /// last need be answered (RFC 6455 section 5.5.3).
    private var waitingPong: ByteBuffer?

    /// - Parameter buffers: Those of the connection's event loop.
    package init(compression: PermessageDeflate?, buffers: FrameBuffers) {
        deflater = compression.map(Deflater.init)
        self.buffers = buffers
    }

    /// Whether there are none. Asked of each message: to ask who may change them spares a copy.
    package var isEmpty: Bool { mutating get { bytes == nil && waitingPong == nil } }

    /// Bytes of them.
    package var count: Int { mutating get { (bytes?.readableBytes ?? 0) + (longText?.utf8.count ?? 0) } }

    /// Whether a pong waits for the client to take what is before it.
    package var holdsPong: Bool { waitingPong != nil }

    /// All of them, which are not here any more.
    ///
    /// - Parameter isTaken: Whether the client has taken all that left before; asked where a pong waits for that.
    package mutating func take(isTaken: @autoclosure () -> Bool = true) -> LeavingFrames? {
        if waitingPong != nil, isTaken(), let payload = waitingPong.take() { pong(payload) }
        guard let bytes = bytes.take() else { return nil }
        return LeavingFrames(bytes: bytes, text: longText.take())
    }

    /// Leaves the memory of frames that have left to others. That it may change these spares a copy of them, too.
    package mutating func giveBack(_ frames: consuming LeavingFrames) { buffers.put(frames) }

    package mutating func text(_ text: String) {
        guard let deflater else {
            guard text.utf8.count >= OutgoingFrames.shortest else {
                return add { WebSocketEncoder.text(text, into: &$0) }
            }
            add { WebSocketEncoder.textHeader(length: text.utf8.count, into: &$0) }
            return longText = text
        }
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
        var last = bytes.take().map { LeavingFrames(bytes: $0, text: longText.take()).joined } ?? ByteBuffer()
        WebSocketEncoder.close(code, reason: reason, into: &last)
        return last
    }

    private mutating func add(_ encode: (inout ByteBuffer) -> Void) {
        var buffer = bytes.take() ?? buffers.take()
        if let text = longText.take() { buffer.writeString(text) }
        encode(&buffer)
        bytes = buffer
    }
}

/// Frames that leave now. They are handed on, never copied: that would count references of each message.
package struct LeavingFrames: ~Copyable {
    package var bytes: ByteBuffer
    /// What comes behind them.
    private var text: String?

    fileprivate init(bytes: ByteBuffer, text: String?) {
        (self.bytes, self.text) = (bytes, text)
    }

    /// Whether they are more than ``bytes``.
    package var hasLongText: Bool { text != nil }

    /// Bytes of them.
    package var count: Int { bytes.readableBytes + (text?.utf8.count ?? 0) }

    /// Lends the bytes, and those of the long text behind them.
    package func withPieces<Result>(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Result) -> Result {
        var text = text ?? ""
        return bytes.withUnsafeReadableBytes { first in text.withUTF8 { body(first, UnsafeRawBufferPointer($0)) } }
    }

    /// Leaves out what has left already.
    package mutating func drop(first count: Int) {
        guard count >= bytes.readableBytes, let rest = text else { return bytes.moveReaderIndex(forwardBy: count) }
        let left = rest.utf8.dropFirst(count - bytes.readableBytes)
        (bytes, text) = (ByteBuffer(bytes: left), nil)
    }

    /// The memory of ``bytes``, emptied.
    consuming func emptied() -> ByteBuffer {
        bytes.clear()
        return bytes
    }

    /// All of it in one piece.
    package var joined: ByteBuffer {
        var joined = bytes
        if let text { joined.writeString(text) }
        return joined
    }
}
