import NIOCore

/// Has WebSockets read into one buffer that all of an event loop share. What is read is worked on at once, nearly always, so
/// the buffer is free before the next connection is read, and still in the processor's cache: one for each connection would
/// be in none where there are a thousand.
struct SharedReads: RecvByteBufferAllocator {
    /// Bytes that one read may bring. A message may have as many by default.
    private static let size = 64 << 10

    /// Where the buffer is while nobody is read. Touched on the event loop alone.
    final class Buffer {
        private var free: ByteBuffer?

        func take(_ allocator: ByteBufferAllocator) -> ByteBuffer {
            guard var buffer = free.take() else { return allocator.buffer(capacity: SharedReads.size) }
            buffer.clear()
            return buffer
        }

        /// Gives back what was read into once nobody needs it. The channel still has it when this is called; the first read
        /// goes to a small buffer of its own.
        func put(_ buffer: ByteBuffer) {
            if buffer.storageCapacity >= SharedReads.size { free = buffer }
        }
    }

    private let shared: NIOLoopBound<Buffer>

    init(_ buffer: Buffer, on eventLoop: any EventLoop) {
        shared = NIOLoopBound(buffer, eventLoop: eventLoop)
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { shared.value.take(allocator) }

    /// A buffer that may grow is what the channel asks for here; otherwise it would use one of its own.
    func record(actualReadBytes: Int) -> Bool { true }
}
