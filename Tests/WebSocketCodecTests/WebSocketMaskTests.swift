import Testing

@testable import WebSocketCodec

@Suite("Masks")
struct WebSocketMaskTests {
    private let key: [UInt8] = [0x01, 0x82, 0x53, 0xF4]

    @Test("are taken off at any alignment and length", arguments: 0..<16)
    func unmask(alignment: Int) {
        let mask = key.withUnsafeBytes { WebSocketMask($0, at: 0) }
        for length in 0..<130 {
            let source = (0..<(alignment + length)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
            // More room than bytes: what lies behind them must stay.
            var target = [UInt8](repeating: 0xEE, count: length + 5)
            let isASCII = source.withUnsafeBytes { source in
                target.withUnsafeMutableBytes { target in
                    mask.unmask(UnsafeRawBufferPointer(rebasing: source[alignment...]), into: target)
                }
            }
            let naive = source[alignment...].enumerated().map { $0.element ^ key[$0.offset % 4] }
            #expect(target == naive + [0xEE, 0xEE, 0xEE, 0xEE, 0xEE], "length \(length)")
            #expect(isASCII == naive.allSatisfy { $0 < 0x80 }, "length \(length)")
        }
    }

    @Test("leave a text, wherever in it something stands that is not ASCII", arguments: ["~", "é", "😀"])
    func text(character: String) {
        for length in 0..<130 {
            let filled = String(repeating: "a", count: length) + character
            for text in [filled, filled + String(repeating: "z", count: 70)] {
                #expect(masked(Array(text.utf8)) == text, "length \(length)")
            }
        }
    }

    @Test("leave no text where a byte is wrong", arguments: [0x80, 0xC0, 0xFF] as [UInt8])
    func noText(byte: UInt8) {
        for length in 0..<130 {
            for place in stride(from: 0, through: length, by: 7) {
                var bytes = [UInt8](repeating: 0x61, count: length + 1)
                bytes[place] = byte
                #expect(masked(bytes) == nil, "\(place) of \(length)")
            }
        }
    }

    /// The text that these bytes are once they have been masked.
    private func masked(_ plain: [UInt8]) -> String? {
        let mask = key.withUnsafeBytes { WebSocketMask($0, at: 0) }
        let bytes = plain.enumerated().map { $0.element ^ key[$0.offset % 4] }
        return bytes.withUnsafeBytes { mask.text(of: $0) }
    }

    @Test("go on where a piece ended", arguments: 0..<10)
    func advanced(count: Int) {
        let mask = key.withUnsafeBytes { WebSocketMask($0, at: 0) }
        let rotated = (0..<4).map { key[($0 + count) % 4] }
        #expect(mask.advanced(by: count) == rotated.withUnsafeBytes { WebSocketMask($0, at: 0) })
    }
}
