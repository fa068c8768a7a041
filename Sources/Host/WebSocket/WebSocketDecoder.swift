import NIOCore

/// Turns a client's bytes into messages (RFC 6455), strictly: a pure value without sockets or clocks.
///
/// A text frame that is there whole is unmasked straight into its `String`. What arrives in pieces is unmasked and
/// checked piece by piece, so that a fault is found in the piece that brings it. An idle decoder holds no buffer.
struct WebSocketDecoder {
    struct Limits {
        /// Bytes of a message, whole or in fragments.
        var maxMessageBytes = 64 << 10
        /// Frames of one message. Of those in the middle, one may be empty in a row.
        var maxFragments = 128
    }

    enum Event {
        case text(String)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong(ByteBuffer)
        case close(WebSocketCloseCode?, String)
        /// The peer broke the protocol or a limit; nothing comes after it.
        case violation(WebSocketViolation)
    }

    /// A message of which not everything has arrived.
    private struct Message {
        let isText: Bool
        var payload = ByteBuffer()
        var utf8 = UTF8Validator()
        var fragments = 1
        var emptyFragments = 0
    }

    /// A data frame of which not everything has arrived.
    private struct Frame {
        let isFinal: Bool
        var missing: Int
        var mask: WebSocketMask
    }

    private let limits: Limits
    private var input: ByteBuffer?
    private var message: Message?
    private var frame: Frame?
    private var isFinished = false

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Bytes that are kept because their frame is not whole.
    var bufferedBytes: Int { (input?.readableBytes ?? 0) + (message?.payload.readableBytes ?? 0) }

    /// Takes what was read from the socket.
    mutating func append(_ bytes: ByteBuffer) {
        guard !isFinished else { return }
        var bytes = bytes
        if input == nil {
            input = bytes
        } else {
            input?.discardReadBytes()
            input?.writeBuffer(&bytes)
        }
    }

    /// The next event in what was appended; `nil` where more bytes are needed.
    mutating func next() -> Event? {
        guard !isFinished else { return nil }
        do throws(WebSocketViolation) {
            while input != nil {
                let before = input?.readableBytes
                if let event = try step() { return event }
                if input?.readableBytes == 0 { input = nil }
                if input?.readableBytes == before { return nil }
            }
            return nil
        } catch {
            finish()
            return .violation(error)
        }
    }

    private mutating func finish() {
        isFinished = true
        input = nil
        message = nil
        frame = nil
    }

    private mutating func step() throws(WebSocketViolation) -> Event? {
        if frame != nil { return try continueFrame() }
        guard let header = try readHeader() else { return nil }
        if header.opcode.isControl { return try controlFrame(header) }
        try checkOrder(header)
        let total = (message?.payload.readableBytes ?? 0) + header.length
        guard total <= limits.maxMessageBytes else { throw .tooBig }
        if header.opcode == .text, header.isFinal, let text = try wholeText(header) { return .text(text) }
        begin(header)
        return try continueFrame()
    }

    private func readHeader() throws(WebSocketViolation) -> WebSocketFrameHeader? {
        guard let input else { return nil }
        let outcome = input.withUnsafeReadableBytes { bytes in
            Result { () throws(WebSocketViolation) in try WebSocketFrameHeader(bytes) }
        }
        return try outcome.get()
    }

    private func checkOrder(_ header: WebSocketFrameHeader) throws(WebSocketViolation) {
        switch (header.opcode, message) {
        case (.continuation, nil):
            throw .protocolError("a continuation of nothing")
        case (.continuation, let message?):
            if message.fragments >= limits.maxFragments { throw .tooManyFragments }
            let isEmpty = header.length == 0 && !header.isFinal
            if isEmpty && message.emptyFragments > 0 { throw .tooManyFragments }
        case (_, _?):
            throw .protocolError("a new message inside another")
        case (_, nil):
            break
        }
    }

    /// The common case: a text message in one frame that is there whole.
    private mutating func wholeText(_ header: WebSocketFrameHeader) throws(WebSocketViolation) -> String? {
        guard input.map({ $0.readableBytes >= header.size + header.length }) ?? false else { return nil }
        var isValid = true
        let text = input?.withUnsafeReadableBytes { bytes in
            let payload = UnsafeRawBufferPointer(rebasing: bytes[header.size..<header.size + header.length])
            return String(unsafeUninitializedCapacity: header.length) { target in
                let target = UnsafeMutableRawBufferPointer(target)
                header.mask.unmask(payload, into: target)
                // String would repair what is not UTF-8, so it must be looked at first.
                isValid = UTF8Validator.isValid(UnsafeRawBufferPointer(rebasing: target[..<header.length]))
                return isValid ? header.length : 0
            }
        }
        guard isValid else { throw .invalidUTF8 }
        input?.moveReaderIndex(forwardBy: header.size + header.length)
        return text
    }

    private mutating func begin(_ header: WebSocketFrameHeader) {
        input?.moveReaderIndex(forwardBy: header.size)
        if header.opcode == .continuation {
            let emptyBefore = message?.emptyFragments ?? 0
            message?.fragments += 1
            message?.emptyFragments = header.length == 0 ? emptyBefore + 1 : 0
        } else {
            message = Message(isText: header.opcode == .text)
        }
        frame = Frame(isFinal: header.isFinal, missing: header.length, mask: header.mask)
    }

    /// Takes what has arrived of a data frame.
    private mutating func continueFrame() throws(WebSocketViolation) -> Event? {
        guard var frame, var message, var input else { return nil }
        // Without this the copies would be two owners of each buffer, and writing would copy them whole.
        self.message = nil
        self.input = nil
        let count = min(frame.missing, input.readableBytes)
        message.payload.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            input.withUnsafeReadableBytes { bytes in
                frame.mask.unmask(UnsafeRawBufferPointer(rebasing: bytes[..<count]), into: target)
            }
            return count
        }
        let isText = message.isText
        if isText {
            let isValid = message.payload.withUnsafeReadableBytes { bytes in
                message.utf8.validate(UnsafeRawBufferPointer(rebasing: bytes.suffix(count)))
            }
            guard isValid else { throw .invalidUTF8 }
        }
        input.moveReaderIndex(forwardBy: count)
        frame.missing -= count
        frame.mask = frame.mask.advanced(by: count)
        self.input = input
        guard frame.missing == 0 else {
            self.frame = frame
            self.message = message
            return nil
        }
        self.frame = nil
        guard frame.isFinal else {
            self.message = message
            return nil
        }
        guard isText else { return .binary(message.payload) }
        guard message.utf8.isComplete else { throw .invalidUTF8 }
        return .text(String(buffer: message.payload))
    }

    private mutating func controlFrame(_ header: WebSocketFrameHeader) throws(WebSocketViolation) -> Event? {
        guard let bytes = input?.readableBytes, bytes >= header.size + header.length else { return nil }
        input?.moveReaderIndex(forwardBy: header.size)
        var payload = ByteBuffer()
        payload.writeWithUnsafeMutableBytes(minimumWritableBytes: header.length) { target in
            input?.withUnsafeReadableBytes { bytes in
                header.mask.unmask(UnsafeRawBufferPointer(rebasing: bytes[..<header.length]), into: target)
            }
            return header.length
        }
        input?.moveReaderIndex(forwardBy: header.length)
        switch header.opcode {
        case .ping: return .ping(payload)
        case .pong: return .pong(payload)
        default:
            let event = try closeEvent(payload)
            finish()
            return event
        }
    }

    private func closeEvent(_ payload: ByteBuffer) throws(WebSocketViolation) -> Event {
        var payload = payload
        guard payload.readableBytes > 0 else { return .close(nil, "") }
        guard let number = payload.readInteger(as: UInt16.self) else { throw .protocolError("half a close code") }
        let code = WebSocketCloseCode(rawValue: number)
        guard code.mayBeSent else { throw .protocolError("a close code that can't be sent") }
        guard payload.withUnsafeReadableBytes(UTF8Validator.isValid) else { throw .invalidUTF8 }
        return .close(code, String(buffer: payload))
    }
}
