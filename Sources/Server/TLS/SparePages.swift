import Glibc
import NIOCore

/// Gives the system back what of a connection's buffers holds nothing.
///
/// NIOSSL keeps two buffers for each connection, of 16 and 32 KiB, whose sizes can't be set. Their memory was mostly something
/// else's before, so that all of it counts as the host's; and one that a long message has grown never shrinks. Most messages
/// take a page of each. So the pages behind what such a buffer holds are given back, and come anew, empty, when they are
/// needed.
struct SparePages {
    /// Not more often than this: a page that comes anew costs half a microsecond.
    private static let interval = TimeAmount.seconds(1)
    private static let pageSize = max(1, sysconf(CInt(_SC_PAGESIZE)))

    /// Up to where the buffer was filled since it was last looked at; at first nobody knows.
    private var filled = Int.max
    private var next = NIODeadline.distantPast

    /// - Parameter buffer: Of which nobody needs what is beyond its writer's index.
    mutating func giveBack(behind buffer: ByteBuffer, now: @autoclosure () -> NIODeadline = .now()) {
        let end = buffer.writerIndex
        guard filled - end > Self.pageSize else { return filled = max(filled, end) }
        let now = now()
        guard now >= next else { return }
        (filled, next) = (end, now + Self.interval)
        buffer.withVeryUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            let first = (Int(bitPattern: start) + end + Self.pageSize - 1) / Self.pageSize
            let last = (Int(bitPattern: start) + bytes.count) / Self.pageSize
            guard first < last else { return }
            _ = madvise(
                UnsafeMutableRawPointer(bitPattern: first * Self.pageSize), (last - first) * Self.pageSize,
                MADV_DONTNEED)
        }
    }
}
