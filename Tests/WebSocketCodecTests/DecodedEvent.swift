import NIOCore
import TestFrames

@testable import WebSocketCodec

/// What a decoder said, in a form that can be compared.
enum DecodedEvent: Equatable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(UInt16?, String)
    case violation(UInt16)

    init(_ event: WebSocketDecoder.Event) {
        switch event {
        case .text(let text): self = .text(text)
        case .binary(let payload): self = .binary(Array(payload.readableBytesView))
        case .ping(let payload): self = .ping(Array(payload.readableBytesView))
        case .pong(let payload): self = .pong(Array(payload.readableBytesView))
        case .close(let code, let reason): self = .close(code?.rawValue, reason)
        case .violation(let violation): self = .violation(violation.code.rawValue)
        }
    }
}

extension WebSocketDecoder {
    /// Feeds one read and takes everything that it brings.
    mutating func read(_ bytes: some Sequence<UInt8>) -> [DecodedEvent] {
        append(ByteBuffer(bytes: bytes))
        var events: [DecodedEvent] = []
        while let event = next() { events.append(DecodedEvent(event)) }
        return events
    }

    /// What a new decoder says to frames that arrive in one read.
    static func events(_ frames: [TestFrame], limits: Limits = Limits()) -> [DecodedEvent] {
        var decoder = WebSocketDecoder(limits: limits)
        return decoder.read(frames.flatMap(\.bytes))
    }
}
