import NIOCore

extension ByteBuffer {
    /// Writes an event as a chunk of an answer that has no length, in one piece: it is done for each word.
    mutating func writeChunk(event text: String) {
        var text = text
        text.withUTF8 { text in
            let (name, end) = ("data: " as StaticString, "\n\n\r\n" as StaticString)
            // The chunk's own end is no part of it.
            let length = name.utf8CodeUnitCount + text.count + 2
            writeWithUnsafeMutableBytes(minimumWritableBytes: 18 + length + 2) { room in
                var place = 0
                func add(_ bytes: UnsafeRawBufferPointer) {
                    UnsafeMutableRawBufferPointer(rebasing: room[place...]).copyMemory(from: bytes)
                    place += bytes.count
                }
                func add(_ text: StaticString) {
                    add(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
                }
                var digits = (Int.bitWidth - length.leadingZeroBitCount + 3) / 4
                while digits > 0 {
                    digits -= 1
                    let digit = UInt8(truncatingIfNeeded: length >> (4 * digits)) & 0xF
                    room[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                    place += 1
                }
                add("\r\n")
                add(name)
                add(UnsafeRawBufferPointer(text))
                add(end)
                return place
            }
        }
    }
}
