package import NIOCore

/// Turns a client's bytes into messages (RFC 6455), strictly: a pure value without sockets or clocks.
///
/// Give it each read with ``append(_:)``, then ask ``next()`` until there is nothing more. After a close or a violation
/// it drops whatever comes. A text frame that is there whole becomes its `String` at once. What arrives in pieces is
/// unmasked and checked piece by piece, so that a fault is found in the piece that brings it.
///
/// Memory follows the bytes that have arrived, never the length that a header announces: at most one message, and what
/// one read brought. An idle decoder holds no buffer, and the state of decompression only where that was agreed on.
package struct WebSocketDecoder {
    package struct Limits {
        /// Bytes of a message, whole or in fragments: beyond it the message is refused with 1009, by its header alone
        /// where it isn't compressed.
        var maxMessageBytes: Int
        /// Frames of one message; beyond it the message is refused with 1008, because it may be small: what is refused
        /// is the work. Of the frames in the middle, one may be empty in a row.
        var maxFragments: Int

        package init(maxMessageBytes: Int = 64 << 10, maxFragments: Int = 128) {
            (self.maxMessageBytes, self.maxFragments) = (maxMessageBytes, maxFragments)
        }
    }

    package enum Event: Equatable {
        case text(String)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong(ByteBuffer)
        /// No code where the peer gave none.
        case close(WebSocketCloseCode?, String)
        /// The peer broke the protocol or a limit; nothing comes after it.
        case violation(WebSocketViolation)

        /// Bytes of its payload.
        package var size: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .binary(let payload), .ping(let payload), .pong(let payload): payload.readableBytes
            case .close, .violation: 0
            }
        }
    }

    /// A data frame of which not everything has arrived.
    private struct Frame {
        let isFinal: Bool
        var missing: Int
        var mask: WebSocketMask
    }

    /// A change holds from the next frame on.
    package var limits: Limits {
        didSet { inflater?.limit = limits.maxMessageBytes }
    }
    /// There where compression has been agreed on.
    private var inflater: Inflater?
    private var input: ByteBuffer?
    /// Whether that is where the socket was read into.
    private var isInputShared = false
    private var message: WebSocketPartialMessage?
    private var frame: Frame?
    private var isFinished = false

    package init(limits: Limits = Limits(), compression: PermessageDeflate? = nil) {
        self.limits = limits
        inflater = compression.map { Inflater($0, limit: limits.maxMessageBytes) }
    }

    /// Memory that is held for frames and messages that are not whole, in bytes.
    package var bufferCapacity: Int { (input?.storageCapacity ?? 0) + (message?.payload.storageCapacity ?? 0) }

    /// Whether there is something of which no event was made.
    package var hasInput: Bool { input != nil }

    /// Takes what was read from the socket.
    package mutating func append(_ bytes: ByteBuffer) {
        guard !isFinished, bytes.readableBytes > 0 else { return }
        if input == nil {
            (input, isInputShared) = (bytes, true)
        } else {
            input?.discardReadBytes()
            input?.writeImmutableBuffer(bytes)
        }
    }

    /// Keeps what is in no event yet in memory of its own, as what was read into is to be read into again.
    package mutating func copyInput() {
        guard isInputShared, let bytes = input else { return }
        input = ByteBuffer(buffer: bytes)
        isInputShared = false
    }

    /// What was appended and is in no event yet, which is not here any more: another decoder's.
    package mutating func takeInput() -> ByteBuffer? { input.take() }

    /// The next event in what was appended; `nil` where more bytes are needed.
    package mutating func next() -> Event? {
        if let text = nextWholeText() { return .text(text) }
        guard var bytes = input.take() else { return nil }
        do throws(WebSocketViolation) {
            let event = try event(from: &bytes)
            keep(bytes, untilNextRead: event == nil)
            return event
        } catch {
            stop()
            return .violation(error)
        }
    }

    /// The start of a frame is small; kept where it was read it would hold the socket's whole buffer.
    private mutating func keep(_ bytes: ByteBuffer, untilNextRead: Bool) {
        guard bytes.readableBytes > 0, !isFinished else { return }
        input = untilNextRead ? ByteBuffer(buffer: bytes) : bytes
        if untilNextRead { isInputShared = false }
    }

    /// Nothing that comes counts any more.
    package mutating func stop() {
        isFinished = true
        input = nil
        message = nil
        frame = nil
        inflater = nil
    }

    private mutating func event(from bytes: inout ByteBuffer) throws(WebSocketViolation) -> Event? {
        while true {
            if frame == nil {
                guard let header = try readHeader(bytes) else { return nil }
                if header.opcode.isControl { return try controlEvent(header, &bytes) }
                try check(header)
                begin(header, &bytes)
            }
            if let event = try continueFrame(&bytes) { return event }
            if frame != nil { return nil }
        }
    }

    private func readHeader(_ bytes: ByteBuffer) throws(WebSocketViolation) -> WebSocketFrameHeader? {
        let outcome = bytes.withUnsafeReadableBytes { bytes in
            Result { () throws(WebSocketViolation) in
                try WebSocketFrameHeader(bytes, mayBeCompressed: inflater != nil)
            }
        }
        return try outcome.get()
    }

    /// Whether a data frame may stand here, and isn't too long.
    private func check(_ header: WebSocketFrameHeader) throws(WebSocketViolation) {
        var room = limits.maxMessageBytes
        if header.opcode == .continuation {
            guard let message else { throw .protocolError("a continuation of nothing") }
            try message.checkFragment(header, limit: limits.maxFragments)
            room -= message.payload.readableBytes
        } else if message != nil {
            throw .protocolError("a new message inside another")
        }
        if let inflater, message?.isCompressed ?? header.isCompressed { room = inflater.room }
        // Compared, not added: a length may be 2^63 - 1, and a sum with it would overflow.
        guard header.length <= room else { throw .tooBig }
    }

    /// The common case: a text message in one frame that is there whole, taken from where it is. `nil` where the next is
    /// anything else, or something is wrong with it.
    private mutating func nextWholeText() -> String? {
        guard message == nil, frame == nil else { return nil }
        let maxLength = limits.maxMessageBytes
        let found = input?.withUnsafeReadableBytes { bytes -> (text: String, end: Int)? in
            guard let header = try? WebSocketFrameHeader(bytes), header.isWholeText, header.length <= maxLength,
                bytes.count - header.size >= header.length
            else { return nil }
            let end = header.size + header.length
            let text = header.mask.text(of: UnsafeRawBufferPointer(rebasing: bytes[header.size..<end]))
            return text.map { ($0, end) }
        }
        guard let found = found ?? nil else { return nil }
        input?.moveReaderIndex(forwardBy: found.end)
        if input?.readableBytes == 0 { input = nil }
        return found.text
    }

    private mutating func begin(_ header: WebSocketFrameHeader, _ bytes: inout ByteBuffer) {
        bytes.moveReaderIndex(forwardBy: header.size)
        if header.opcode == .continuation {
            message?.beginFragment(header)
        } else {
            message = WebSocketPartialMessage(isText: header.opcode == .text, isCompressed: header.isCompressed)
        }
        frame = Frame(isFinal: header.isFinal, missing: header.length, mask: header.mask)
    }

    /// Takes what has arrived of a data frame; an event where that ends a message.
    private mutating func continueFrame(_ bytes: inout ByteBuffer) throws(WebSocketViolation) -> Event? {
        guard var frame else { return nil }
        let count = min(frame.missing, bytes.readableBytes)
        try message?.append(count, from: &bytes, mask: frame.mask, inflater: inflater)
        frame.missing -= count
        frame.mask = frame.mask.advanced(by: count)
        self.frame = frame.missing == 0 ? nil : frame
        guard frame.missing == 0, frame.isFinal else { return nil }
        return try message.take()?.event(inflater: inflater)
    }

    private mutating func controlEvent(
        _ header: WebSocketFrameHeader, _ bytes: inout ByteBuffer
    ) throws(WebSocketViolation) -> Event? {
        guard bytes.readableBytes >= header.size + header.length else { return nil }
        bytes.moveReaderIndex(forwardBy: header.size)
        var payload = ByteBuffer()
        payload.writeUnmasked(header.length, from: &bytes, mask: header.mask)
        switch header.opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        default:
            let event = try closeEvent(payload)
            stop()
            return event
        }
    }

    private func closeEvent(_ payload: ByteBuffer) throws(WebSocketViolation) -> Event {
        var payload = payload
        guard payload.readableBytes > 0 else { return .close(nil, "") }
        guard let number = payload.readInteger(as: UInt16.self) else { throw .protocolError("half a close code") }
        let code = WebSocketCloseCode(rawValue: number)
        guard code.mayBeSent else { throw .protocolError("a close code that can't be sent") }
        guard let reason = payload.withUnsafeReadableBytes(String.init(validUTF8:)) else { throw .invalidUTF8 }
        return .close(code, reason)
    }
}
