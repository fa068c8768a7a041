import Glibc
import NIOCore
import Testing

@testable import Server

@Suite("Pages of a connection's buffer that hold nothing")
struct SparePagesTests {
    private let size = 64 << 10
    private let page = sysconf(CInt(_SC_PAGESIZE))
    private let start = NIODeadline.uptimeNanoseconds(1)

    /// A buffer that a long message was in before, and that holds so many bytes now.
    private func buffer(holding count: Int) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: size)
        buffer.writeRepeatingByte(1, count: size)
        buffer.clear()
        buffer.writeRepeatingByte(2, count: count)
        return buffer
    }

    /// Bytes of the buffer that are in memory.
    private func resident(_ buffer: ByteBuffer) -> Int {
        buffer.withVeryUnsafeBytes { bytes in
            guard let address = bytes.baseAddress.map({ Int(bitPattern: $0) }) else { return 0 }
            let first = (address + page - 1) / page * page
            var pages = [UInt8](repeating: 0, count: (address + bytes.count - first) / page)
            guard mincore(UnsafeMutableRawPointer(bitPattern: first), pages.count * page, &pages) == 0 else {
                return -1
            }
            return pages.count { $0 & 1 == 1 } * page
        }
    }

    @Test("are given back, and what it holds stays", arguments: [0, 1, 100, 4_095, 4_096, 10_000, 60_000])
    func givenBack(count: Int) {
        let buffer = buffer(holding: count)
        #expect(resident(buffer) > size - 2 * page)
        var pages = SparePages()
        pages.giveBack(behind: buffer, now: start)
        #expect(resident(buffer) <= count + 2 * page)
        #expect(Array(buffer: buffer) == [UInt8](repeating: 2, count: count))
    }

    @Test("can be written again")
    func again() {
        var (buffer, pages) = (buffer(holding: 10), SparePages())
        pages.giveBack(behind: buffer, now: start)
        buffer.writeRepeatingByte(3, count: size - 10)
        #expect(Array(buffer: buffer) == [UInt8](repeating: 2, count: 10) + [UInt8](repeating: 3, count: size - 10))
    }

    @Test("are given back once a long message is over, at most once a second")
    func afterLongOnes() {
        var (buffer, pages) = (buffer(holding: 10), SparePages())
        pages.giveBack(behind: buffer, now: start)
        for after in [TimeAmount.milliseconds(10), .milliseconds(999)] {
            buffer.clear()
            buffer.writeRepeatingByte(4, count: size)
            pages.giveBack(behind: buffer, now: start + after)
            buffer.clear()
            buffer.writeRepeatingByte(5, count: 10)
            pages.giveBack(behind: buffer, now: start + after)
            #expect(resident(buffer) > size - 2 * page)
        }
        pages.giveBack(behind: buffer, now: start + .seconds(1))
        #expect(resident(buffer) <= 2 * page)
        #expect(Array(buffer: buffer) == [UInt8](repeating: 5, count: 10))
    }

    @Test("are not looked for while every message is short")
    func notForShortOnes() {
        var (buffer, pages) = (buffer(holding: 10), SparePages())
        pages.giveBack(behind: buffer, now: start)
        buffer.writeRepeatingByte(6, count: page)
        buffer.clear()
        pages.giveBack(behind: buffer, now: asked())
        #expect(resident(buffer) > 0)
    }

    private func asked() -> NIODeadline {
        Issue.record("asked for the time")
        return .now()
    }
}
