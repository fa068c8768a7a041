import CZlib
import NIOCore

/// Compresses messages to a client.
///
/// Its stream lives from the first message that is worth it; without context takeover no longer than each.
final class Deflater {
    /// Shorter messages are sent as they are: a frame of this size is one packet either way.
    static let leastBytes = 64

    private let windowBits: Int
    private let keepsContext: Bool
    private var stream: ZStream?

    init(_ agreed: PermessageDeflate) {
        windowBits = agreed.serverWindowBits
        keepsContext = !agreed.serverNoContextTakeover
    }

    /// The compressed message, without its end (RFC 7692 section 7.2.1); `nil` where it should go out as it is.
    func deflate(_ message: UnsafeRawBufferPointer) -> ByteBuffer? {
        guard message.count >= Self.leastBytes else { return nil }
        guard let stream = stream ?? ZStream(deflating: windowBits) else { return nil }
        self.stream = keepsContext ? stream : nil
        stream.read(UnsafeMutableRawBufferPointer(mutating: message))
        var output = ByteBufferAllocator().buffer(capacity: stream.bound(message.count))
        repeat {
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: 64) { stream.deflate(into: $0) }
        } while !stream.hasRoom
        output.moveWriterIndex(to: output.writerIndex - 4)
        return output
    }
}
