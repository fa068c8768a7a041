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
            source.withUnsafeBytes { source in
                target.withUnsafeMutableBytes { target in
                    mask.unmask(UnsafeRawBufferPointer(rebasing: source[alignment...]), into: target)
                }
            }
            let naive = source[alignment...].enumerated().map { $0.element ^ key[$0.offset % 4] }
            #expect(target == naive + [0xEE, 0xEE, 0xEE, 0xEE, 0xEE], "length \(length)")
        }
    }

    @Test("go on where a piece ended", arguments: 0..<10)
    func advanced(count: Int) {
        let mask = key.withUnsafeBytes { WebSocketMask($0, at: 0) }
        let rotated = (0..<4).map { key[($0 + count) % 4] }
        #expect(mask.advanced(by: count) == rotated.withUnsafeBytes { WebSocketMask($0, at: 0) })
    }
}
