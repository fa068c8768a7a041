import NIOCore

/// A message of which not everything has arrived: its payload so far, decompressed so far, checked so far.
struct WebSocketPartialMessage {
    private let isText: Bool
    let isCompressed: Bool
    private(set) var payload = ByteBuffer()
    private var utf8 = UTF8Validator()
    private var fragments = 1
    private var emptyFragments = 0

    init(isText: Bool, isCompressed: Bool = false) {
        self.isText = isText
        self.isCompressed = isCompressed
    }

    /// Whether one more frame may follow.
    ///
    /// An empty first or last frame is common (a writer that opens before it has data, and closes after it), so only
    /// those in between count as empty.
    func checkFragment(_ header: WebSocketFrameHeader, limit: Int) throws(WebSocketViolation) {
        if fragments >= limit { throw .tooManyFragments }
        if header.length == 0, !header.isFinal, emptyFragments > 0 { throw .tooManyFragments }
    }

    mutating func beginFragment(_ header: WebSocketFrameHeader) {
        fragments += 1
        emptyFragments = header.length == 0 ? emptyFragments + 1 : 0
    }

    /// Takes the next bytes of the frame that is being read.
    ///
    /// - Parameter inflater: There where compression has been agreed on.
    mutating func append(
        _ count: Int, from bytes: inout ByteBuffer, mask: WebSocketMask, inflater: Inflater?
    ) throws(WebSocketViolation) {
        let known = payload.readableBytes
        if isCompressed, let inflater {
            try inflater.inflate(count, from: &bytes, mask: mask, into: &payload)
        } else {
            payload.writeUnmasked(count, from: &bytes, mask: mask)
        }
        try check(from: known)
    }

    /// The message, once its last frame is whole.
    consuming func event(inflater: Inflater?) throws(WebSocketViolation) -> WebSocketDecoder.Event {
        if isCompressed, let inflater {
            let known = payload.readableBytes
            try inflater.finish(into: &payload)
            try check(from: known)
        }
        guard isText else { return .binary(payload) }
        guard utf8.isComplete, let text = payload.withUnsafeReadableBytes(String.init(validUTF8:)) else {
            throw .invalidUTF8
        }
        return .text(text)
    }

    private mutating func check(from known: Int) throws(WebSocketViolation) {
        guard isText else { return }
        let isValid = payload.withUnsafeReadableBytes { bytes in
            utf8.validate(UnsafeRawBufferPointer(rebasing: bytes[known...]))
        }
        guard isValid else { throw .invalidUTF8 }
    }
}
