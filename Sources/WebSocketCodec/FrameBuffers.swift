package import NIOCore

/// Buffers for frames that leave soon, which the connections of an event loop take from each other: making and freeing one
/// costs as much as filling it, and the last one used is still in the processor's cache.
package final class FrameBuffers {
    /// As many connections as are likely to have frames in one turn, and what theirs are likely to take.
    static let most = 64
    static let largest = 4 << 10

    private(set) var free: [ByteBuffer] = []

    package init() {}

    package func take() -> ByteBuffer { free.popLast() ?? ByteBufferAllocator().buffer(capacity: 256) }

    /// Gives one back, with frames that have left.
    package func put(_ frames: consuming LeavingFrames) { put(frames.emptied()) }

    /// Gives one back whose bytes have left.
    package func put(_ bytes: consuming ByteBuffer) {
        guard free.count < FrameBuffers.most, bytes.storageCapacity <= FrameBuffers.largest else { return }
        bytes.clear()
        free.append(bytes)
    }
}
