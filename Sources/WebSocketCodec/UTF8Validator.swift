/// Checks UTF-8 (RFC 3629) piece by piece, so that a bad byte is found in the piece that brings it.
struct UTF8Validator {
    /// Continuation bytes that are still to come.
    private var missing: UInt8 = 0
    /// What the next continuation byte may be: the first after some leads is restricted.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Whether the text may end here.
    var isComplete: Bool { missing == 0 }

    /// Takes the next bytes; `false` once the text can't be UTF-8 any more.
    mutating func validate(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = 0
        while offset < bytes.count {
            if missing == 0 {
                offset = UTF8Validator.endOfWholeCharacters(bytes, from: offset)
                guard offset < bytes.count else { return true }
                guard begin(bytes[offset]) else { return false }
            } else {
                guard (lowest...highest).contains(bytes[offset]) else { return false }
                missing -= 1
                (lowest, highest) = (0x80, 0xBF)
            }
            offset += 1
        }
        return true
    }

    private mutating func begin(_ lead: UInt8) -> Bool {
        switch lead {
        case 0x00...0x7F: break
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, lowest) = (2, 0xA0)
        case 0xED: (missing, highest) = (2, 0x9F)
        case 0xE1...0xEF: missing = 2
        case 0xF0: (missing, lowest) = (3, 0x90)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, highest) = (3, 0x8F)
        default: return false
        }
        return true
    }

    /// Passes over the characters that are there whole and valid, and stops at the first byte that needs a closer look.
    private static func endOfWholeCharacters(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        while offset < bytes.count {
            let lead = bytes[offset]
            let left = bytes.count - offset
            switch lead {
            case 0x00...0x7F:
                offset += lengthOfASCII(bytes, from: offset)
            case 0xC2...0xDF where left >= 2:
                guard isContinuation(bytes[offset + 1]) else { return offset }
                offset += 2
            case 0xE0...0xEF where left >= 3:
                let second = bytes[offset + 1]
                guard isContinuation(second), isContinuation(bytes[offset + 2]) else { return offset }
                if lead == 0xE0 && second < 0xA0 || lead == 0xED && second > 0x9F { return offset }
                offset += 3
            case 0xF0...0xF4 where left >= 4:
                let second = bytes[offset + 1]
                guard isContinuation(second), isContinuation(bytes[offset + 2]), isContinuation(bytes[offset + 3])
                else { return offset }
                if lead == 0xF0 && second < 0x90 || lead == 0xF4 && second > 0x8F { return offset }
                offset += 4
            default:
                return offset
            }
        }
        return offset
    }

    private static func lengthOfASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var offset = start
        while offset + 8 <= bytes.count,
            bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
            offset += 8
        }
        while offset < bytes.count, bytes[offset] < 0x80 { offset += 1 }
        return offset - start
    }

    private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }
}
