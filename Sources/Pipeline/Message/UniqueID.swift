/// A UUID (RFC 9562): version 7 for messages, version 4 for sessions, version 8 for
/// messages whose id is made of the client's own.
///
/// Foundation's `UUID` knows neither version 7 nor the lower-case text that the RFC asks for.
public struct UniqueID: Sendable, Hashable, Comparable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    private init(high: UInt64, low: UInt64, version: UInt64) {
        self.high = high & ~0xF000 | version << 12
        self.low = low & ~(0b11 << 62) | 0b10 << 62
    }

    /// A random id (version 4) from the system's secure generator.
    public static func random() -> UniqueID {
        UniqueID(high: RandomPool.next(), low: RandomPool.next(), version: 4)
    }

    /// An id that sorts by time (version 7): milliseconds, then the rest of the microseconds (RFC 9562 section 6.2,
    /// method 3), then 62 random bits.
    public static func timeOrdered(at time: Timestamp) -> UniqueID {
        let microseconds = UInt64(max(0, time.microseconds))
        let fraction = (microseconds % 1_000) * 4_096 / 1_000
        return UniqueID(high: (microseconds / 1_000) << 16 | fraction, low: RandomPool.next(), version: 7)
    }

    /// An id that stands for a text of another form, the same for the same text (version 8, whose bits are their maker's
    /// own). It tells the rows of other programs apart.
    public init(standingFor text: some StringProtocol) {
        // FNV-1a: who can write the table needs no collision to harm it.
        var hash: UInt128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D
        for byte in text.utf8 { hash = (hash ^ UInt128(byte)) &* 0x0100_0000_0000_0000_0000_013B }
        self.init(
            high: UInt64(truncatingIfNeeded: hash >> 64), low: UInt64(truncatingIfNeeded: hash), version: 8)
    }

    /// An id made of something else (version 8): the first 122 bits of a digest that count.
    package init(digest: (UInt64, UInt64)) {
        self.init(high: digest.0, low: digest.1, version: 8)
    }

    /// Reads the canonical text form in either case; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let id = text.withUTF8({ UniqueID(bytes: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = id
    }

    /// Reads the same as ASCII.
    package init?(bytes text: UnsafeRawBufferPointer) {
        guard text.count == 36 else { return nil }
        var (high, low): (UInt64, UInt64) = (0, 0)
        for index in text.indices {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard text[index] == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let value = UniqueID.hexDigit(text[index]) else { return nil }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(value)
        }
        (self.high, self.low) = (high, low)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The version in its fourth group: 4 or 7 for the ids made here.
    public var version: Int { Int(high >> 12 & 0xF) }

    /// Whether the variant bits say RFC 9562.
    public var isStandardVariant: Bool { low >> 62 == 0b10 }

    /// By value, so that ids of version 7 come in the order of their time.
    public static func < (left: UniqueID, right: UniqueID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// Lower-case text: `0197c2d4-4e7a-7cc1-a2c5-1f0a4be52e6d`.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var place = 0
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    buffer[place] = UInt8(ascii: "-")
                    place += 1
                }
                let half = digit < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: half >> UInt64(60 - digit % 16 * 4) & 0xF)
                buffer[place] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                place += 1
            }
            return place
        }
    }
}
