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

    /// Reads the text form that ``description`` writes; `nil` for anything else.
    public init?(_ text: String) {
        let parts = text.split { "-T:.Z".contains($0) }.map { Int64($0) }
        guard text.utf8.count == 27, text.hasSuffix("Z"), parts.count == 7 else { return nil }
        let numbers = parts.compactMap(\.self)
        guard numbers.count == 7, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else { return nil }
        let days = CivilDate.daysSinceEpoch(year: numbers[0], month: numbers[1], day: numbers[2])
        let seconds = days * 86_400 + numbers[3] * 3_600 + numbers[4] * 60 + numbers[5]
        microseconds = seconds * 1_000_000 + numbers[6]
    }

    /// The earlier of two comes first.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// ISO 8601 with six decimals: `2026-01-31T12:00:00.123456Z`.
    public var description: String {
        let (seconds, fraction) = microseconds.flooredQuotientAndRemainder(by: 1_000_000)
        let (day, second) = seconds.flooredQuotientAndRemainder(by: 86_400)
        let date = CivilDate(daysSinceEpoch: day)
        return String(unsafeUninitializedCapacity: 27) { buffer in
            var digits = DigitWriter(buffer: buffer)
            digits.write(date.year, width: 4, then: "-")
            digits.write(date.month, width: 2, then: "-")
            digits.write(date.day, width: 2, then: "T")
            digits.write(second / 3_600, width: 2, then: ":")
            digits.write(second / 60 % 60, width: 2, then: ":")
            digits.write(second % 60, width: 2, then: ".")
            digits.write(fraction, width: 6, then: "Z")
            return digits.count
        }
    }
}

/// Year, month and day of the proleptic Gregorian calendar.
///
/// The arithmetic is `civil_from_days` and `days_from_civil` of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
private struct CivilDate {
    let year, month, day: Int64

    init(daysSinceEpoch: Int64) {
        let shifted = daysSinceEpoch + 719_468
        let (era, dayOfEra) = shifted.flooredQuotientAndRemainder(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let (era, yearOfEra) = (month <= 2 ? year - 1 : year).flooredQuotientAndRemainder(by: 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
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

extension Int64 {
    /// Division that rounds down, so that times before 1970 come out right too.
    fileprivate func flooredQuotientAndRemainder(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
