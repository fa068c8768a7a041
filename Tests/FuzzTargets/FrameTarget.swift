import Server
import NIOCore
import NIOHTTP1
import WebSocketCodec

/// A WebSocket client's bytes: whatever they are, the decoder says the same however they are cut, says nothing after
/// the end, and holds no more than one message. The first byte is the size of the pieces.
enum FrameTarget {
    private static let messageLimit = 256

    static func run(_ bytes: [UInt8], compression: Bool) {
        guard let size = bytes.first else { return }
        let (whole, _) = events(in: [Array(bytes.dropFirst())], compression)
        let (cut, held) = events(in: pieces(bytes.dropFirst(), of: 1 + Int(size % 40)), compression)
        precondition(isSame(whole, cut, compression), "\(whole) is not \(cut)")
        precondition(whole.dropLast().allSatisfy { !isLast($0) }, "something came after the end: \(whole)")
        // A message whose room was doubled once too often, and the start of a frame.
        precondition(held <= 2 * messageLimit + 256, "\(held) bytes are held")
    }

    private static func events(
        in reads: [[UInt8]], _ compression: Bool
    ) -> (events: [WebSocketDecoder.Event], held: Int) {
        let offer: HTTPHeaders = ["sec-websocket-extensions": "permessage-deflate"]
        var decoder = WebSocketDecoder(
            limits: .init(maxMessageBytes: messageLimit, maxFragments: 5),
            compression: compression ? try? PermessageDeflate.negotiate(offer) : nil)
        var events: [WebSocketDecoder.Event] = []
        var held = 0
        for bytes in reads {
            decoder.append(ByteBuffer(bytes: bytes))
            while let event = decoder.next() { events.append(event) }
            if reads.count > 1 { held = max(held, decoder.bufferCapacity) }
        }
        return (events, held)
    }

    /// Of two faults in what is compressed the cuts decide which is found first: what can't be text, or is too much.
    private static func isSame(
        _ events: [WebSocketDecoder.Event], _ others: [WebSocketDecoder.Event], _ compression: Bool
    ) -> Bool {
        guard events.count == others.count else { return false }
        return zip(events, others).allSatisfy { event, other in
            if case (.violation(let one), .violation(let two)) = (event, other) {
                let isEither = [one.code, two.code].allSatisfy { $0 == .invalidData || $0 == .messageTooBig }
                return one.code == two.code || compression && isEither
            }
            return event == other
        }
    }

    private static func isLast(_ event: WebSocketDecoder.Event) -> Bool {
        switch event {
        case .close, .violation: true
        default: false
        }
    }
}
