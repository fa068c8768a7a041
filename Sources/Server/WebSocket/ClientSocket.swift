import Glibc
import NIOCore
import NIOSSL

/// The socket below a client's channel, which takes bytes without the channel's queue: that queue costs a tenth of an
/// answer, and nearly always has one entry. What the socket doesn't take, errors included, is left to the channel.
struct ClientSocket {
    private let descriptor: CInt
    /// Whether the channel may still have bytes, which must leave first.
    private var channelMayHaveBytes = true

    /// `nil` where the channel encrypts, or has no socket.
    ///
    /// - Parameter channel: On its event loop, until it is inactive: then the number of its socket may be another's.
    init?(of channel: any Channel) {
        let pipeline = channel.pipeline.syncOperations
        guard (try? pipeline.handler(type: NIOSSLServerHandler.self)) == nil,
            let descriptor = try? pipeline.withUnsafeTransportIfAvailable(of: CInt.self, { $0 })
        else { return nil }
        self.descriptor = descriptor
    }

    /// Takes from the front of the bytes what the socket takes at once.
    ///
    /// - Parameter waiting: How many bytes the channel has that have not left.
    /// - Returns: Whether that was all; the channel must be given the rest.
    mutating func write(_ bytes: inout ByteBuffer, behind waiting: @autoclosure () -> Int) -> Bool {
        if channelMayHaveBytes, waiting() > 0 { return false }
        let taken = bytes.withUnsafeReadableBytes {
            send(descriptor, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
        }
        if taken > 0 { bytes.moveReaderIndex(forwardBy: taken) }
        channelMayHaveBytes = bytes.readableBytes > 0
        return !channelMayHaveBytes
    }
}
