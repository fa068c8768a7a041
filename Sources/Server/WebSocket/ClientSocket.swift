import Glibc
import NIOCore
import NIOSSL
import WebSocketCodec

/// The socket below a client's channel, which takes bytes without the channel's queue: that queue costs a tenth of an
/// answer, and nearly always has one entry. What the socket doesn't take, errors included, is left to the channel.
struct ClientSocket {
    let descriptor: CInt
    private let core: any ChannelCore
    /// Whether the channel may still have bytes, which must leave first.
    private(set) var channelMayHaveBytes = true

    /// `nil` where the channel encrypts, or has no socket.
    ///
    /// - Parameter channel: On its event loop, until it is inactive: then the number of its socket may be another's.
    init?(of channel: any Channel) {
        let pipeline = channel.pipeline.syncOperations
        guard (try? pipeline.handler(type: NIOSSLServerHandler.self)) == nil,
            let descriptor = try? pipeline.withUnsafeTransportIfAvailable(of: CInt.self, { $0 })
        else { return nil }
        self.descriptor = descriptor
        core = channel._channelCore
    }

    /// Has the channel read once more, past the handlers that may hold a read.
    func read() { core.read0() }

    /// What a read has brought.
    enum Received {
        /// Bytes, and whether there may be more.
        case bytes(mayHaveMore: Bool)
        case nothing
        /// Nothing comes any more.
        case end
        case failure(IOError)
    }

    /// Reads past the channel, into a buffer that is empty.
    func read(into buffer: inout ByteBuffer) -> Received {
        let (count, room) = buffer.withUnsafeMutableWritableBytes {
            (recv(descriptor, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT)), $0.count)
        }
        guard count > 0 else {
            if count == 0 { return .end }
            return errno == EAGAIN ? .nothing : .failure(IOError(errnoCode: errno, reason: "recv"))
        }
        buffer.moveWriterIndex(forwardBy: count)
        return .bytes(mayHaveMore: count == room)
    }

    /// Takes from the front of the bytes what the socket takes at once.
    ///
    /// - Parameter waiting: How many bytes the channel has that have not left.
    /// - Returns: Whether that was all; the channel must be given the rest.
    mutating func write(_ bytes: inout ByteBuffer, behind waiting: @autoclosure () -> Int) -> Bool {
        if channelMayHaveBytes, waiting() > 0 { return false }
        return write(&bytes)
    }

    private mutating func write(_ bytes: inout ByteBuffer) -> Bool {
        let taken = bytes.withUnsafeReadableBytes { send(descriptor, $0.baseAddress, $0.count, Self.flags) }
        if taken > 0 { bytes.moveReaderIndex(forwardBy: taken) }
        channelMayHaveBytes = bytes.readableBytes > 0
        return !channelMayHaveBytes
    }

    /// The same of frames, from both of the pieces that they are. The channel must have no bytes: whether it does is asked
    /// by the caller, where ``channelMayHaveBytes``.
    mutating func write(_ frames: inout LeavingFrames) -> Bool {
        guard frames.hasLongText else { return write(&frames.bytes) }
        let count = frames.count
        let taken = frames.withPieces(sendPieces)
        channelMayHaveBytes = taken < count
        if taken > 0, channelMayHaveBytes { frames.drop(first: taken) }
        return !channelMayHaveBytes
    }

    private static let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)

    private func sendPieces(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int {
        let pieces = [first, second].map {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }
        return pieces.withUnsafeBufferPointer { pieces in
            var message = msghdr()
            message.msg_iov = UnsafeMutablePointer(mutating: pieces.baseAddress)
            message.msg_iovlen = pieces.count
            return sendmsg(descriptor, &message, Self.flags)
        }
    }
}
