import Glibc

/// A point in time in UTC with microseconds, as the `requests` table stores it.
public struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let microseconds: Int64

    /// A time that many microseconds after 1970-01-01T00:00:00Z.
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// The wall clock's time now.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// Reads the text form that ``description`` writes; `nil` for anything else. Of what others write,
    /// ``init(iso8601:)`` reads more.
    public init?(_ text: String) {
        guard text.utf8.count == 27, let time = Timestamp(iso8601: text), time.description == text else { return nil }
        self = time
    }

    /// The earlier of two comes first.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// ISO 8601 with six decimals: `2026-01-31T12:00:00.123456Z`. Years that have no four digits get a sign and six of
    /// them, `+012026-…`, as ISO 8601 has it.
    public var description: String {
        let (seconds, fraction) = microseconds.flooredQuotientAndRemainder(by: 1_000_000)
        let (day, second) = seconds.flooredQuotientAndRemainder(by: 86_400)
        let date = CivilDate(daysSinceEpoch: day)
        let text = String(unsafeUninitializedCapacity: 27) { buffer in
            var digits = DigitWriter(buffer: buffer)
            digits.write(abs(date.year) % 10_000, width: 4, then: "-")
            digits.write(date.month, width: 2, then: "-")
            digits.write(date.day, width: 2, then: "T")
            digits.write(second / 3_600, width: 2, then: ":")
            digits.write(second / 60 % 60, width: 2, then: ":")
            digits.write(second % 60, width: 2, then: ".")
            digits.write(fraction, width: 6, then: "Z")
            return digits.count
        }
        if (0...9_999).contains(date.year) { return text }
        let year = String(abs(date.year))
        let padded = String(repeating: "0", count: max(0, 6 - year.utf8.count)) + year
        return (date.year < 0 ? "-" : "+") + padded + text.dropFirst(4)
    }
}

/// Writes numbers of a fixed width as ASCII digits.
private struct DigitWriter {
    let buffer: UnsafeMutableBufferPointer<UInt8>
    var count = 0

    mutating func write(_ number: Int64, width: Int, then separator: Unicode.Scalar) {
        var rest = number
        for place in stride(from: count + width - 1, through: count, by: -1) {
            buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        buffer[count + width] = UInt8(ascii: separator)
        count += width + 1
    }
}
