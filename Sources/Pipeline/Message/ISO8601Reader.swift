extension Timestamp {
    /// Reads a time as programs write it in ISO 8601: calendar, week and ordinal dates, extended or basic, a `T` or blanks
    /// before the time of day, fractions of any length after `.` or `,`, and any offset from UTC, without which UTC is
    /// meant. What is finer than a microsecond is cut off; `nil` for anything else, and for years outside 1...9999.
    public init?(iso8601 text: some StringProtocol) {
        var text = String(text)
        let time = text.withUTF8 { bytes in
            var reader = ISO8601Reader(bytes)
            return reader.time()
        }
        guard let time, Timestamp.ordinary.contains(time) else { return nil }
        self.init(microseconds: time)
    }

    /// The years 1 to 9999.
    package static let ordinary: ClosedRange<Int64> = -62_135_596_800_000_000...253_402_300_799_999_999
}

/// Reads one time from bytes. Numbers have a fixed width everywhere, so that nothing can overflow.
private struct ISO8601Reader {
    private static let microsecondsPerDay: Int64 = 86_400_000_000

    private let bytes: UnsafeBufferPointer<UInt8>
    private var place = 0
    private var end: Int

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        end = bytes.count
        while end > 0, ISO8601Reader.isBlank(bytes[end - 1]) { end -= 1 }
        skipBlanks()
    }

    /// Microseconds since 1970 in UTC.
    mutating func time() -> Int64? {
        guard let days = date() else { return nil }
        var time = days * ISO8601Reader.microsecondsPerDay
        if skipSeparator() {
            guard let timeOfDay = timeOfDay() else { return nil }
            time += timeOfDay
        }
        guard let offset = offset(), place == end else { return nil }
        return time - offset
    }

    private mutating func date() -> Int64? {
        guard let year = number(digits: 4), year >= 1 else { return nil }
        let isExtended = skip("-")
        if skip("W") { return weekDate(year, isExtended) }
        switch (isExtended, digitsAhead) {
        case (true, 2):
            guard let month = number(digits: 2) else { return nil }
            let day = skip("-") ? number(digits: 2) : 1
            return day.flatMap { CivilDate.validDaysSinceEpoch(year: year, month: month, day: $0) }
        case (false, 4):
            guard let month = number(digits: 2), let day = number(digits: 2) else { return nil }
            return CivilDate.validDaysSinceEpoch(year: year, month: month, day: day)
        case (true, 3):
            return ordinalDate(year)
        case (false, 3) where place + 3 < end && (bytes[place + 3] | 0x20) == UInt8(ascii: "t"):
            // Seven digits alone are a number, to SQLite a Julian day.
            return ordinalDate(year)
        default:
            return nil
        }
    }

    private mutating func weekDate(_ year: Int64, _ isExtended: Bool) -> Int64? {
        guard let week = number(digits: 2), (1...53).contains(week) else { return nil }
        let hasDay = isExtended ? skip("-") : digitsAhead == 1
        guard let day = hasDay ? number(digits: 1) : 1, (1...7).contains(day) else { return nil }
        let days = CivilDate.firstMonday(ofYear: year) + (week - 1) * 7 + day - 1
        return week < 53 || days < CivilDate.firstMonday(ofYear: year + 1) ? days : nil
    }

    private mutating func ordinalDate(_ year: Int64) -> Int64? {
        guard let day = number(digits: 3), day >= 1 else { return nil }
        let first = CivilDate.daysSinceEpoch(year: year, month: 1, day: 1)
        let days = first + day - 1
        return days < CivilDate.daysSinceEpoch(year: year + 1, month: 1, day: 1) ? days : nil
    }

    private mutating func timeOfDay() -> Int64? {
        guard let hour = number(digits: 2), hour <= 24 else { return nil }
        var (minute, second, unit) = (Int64(0), Int64(0), Int64(3_600))
        let isExtended = skip(":")
        if isExtended || digitsAhead > 0 {
            guard let number = number(digits: 2), number <= 59 else { return nil }
            (minute, unit) = (number, 60)
            let hasSecond = isExtended ? skip(":") : digitsAhead > 0
            if hasSecond {
                // 60 is a leap second.
                guard let number = self.number(digits: 2), number <= 60 else { return nil }
                (second, unit) = (number, 1)
            }
        }
        guard let fraction = fraction(of: unit * 1_000_000) else { return nil }
        let time = (hour * 3_600 + minute * 60 + second) * 1_000_000 + fraction
        return hour < 24 || time == ISO8601Reader.microsecondsPerDay ? time : nil
    }

    /// The decimals after the last number.
    private mutating func fraction(of unit: Int64) -> Int64? {
        guard skip(".") || skip(",") else { return 0 }
        guard digitsAhead > 0 else { return nil }
        var (numerator, denominator) = (Int64(0), Int64(1))
        while place < end, let digit = digit(at: place) {
            place += 1
            // 9 of them are far more than a microsecond has of an hour's.
            guard denominator < 1_000_000_000 else { continue }
            numerator = numerator * 10 + digit
            denominator *= 10
        }
        return numerator * unit / denominator
    }

    /// How far ahead of UTC it is.
    private mutating func offset() -> Int64? {
        skipBlanks()
        if place == end || skip("Z") || skip("z") { return 0 }
        let sign: Int64
        if skip("+") {
            sign = 1
        } else if skip("-") || skipMinusSign() {
            sign = -1
        } else {
            return skipNameOfUTC() ? 0 : nil
        }
        guard let hours = number(digits: 2), hours <= 23 else { return nil }
        var seconds = hours * 3_600
        for unit: Int64 in [60, 1] {
            guard skip(":") || digitsAhead > 0 else { break }
            guard let number = number(digits: 2), number <= 59 else { return nil }
            seconds += number * unit
        }
        return sign * seconds * 1_000_000
    }

    /// U+2212, which ISO 8601 prefers to the hyphen.
    private mutating func skipMinusSign() -> Bool {
        guard end - place >= 3, bytes[place] == 0xE2, bytes[place + 1] == 0x88, bytes[place + 2] == 0x92 else {
            return false
        }
        place += 3
        return true
    }

    private mutating func skipNameOfUTC() -> Bool {
        let name = bytes[place..<end].map { $0 & ~0x20 }
        guard [Array("UTC".utf8), Array("GMT".utf8)].contains(name) else { return false }
        place = end
        return true
    }

    /// A `T` or blanks, where a time of day follows.
    private mutating func skipSeparator() -> Bool {
        if skip("T") || skip("t") { return true }
        let start = place
        skipBlanks()
        if place > start, digitsAhead > 0 { return true }
        place = start
        return false
    }

    private mutating func number(digits: Int) -> Int64? {
        guard end - place >= digits else { return nil }
        var number: Int64 = 0
        for _ in 0..<digits {
            guard let digit = digit(at: place) else { return nil }
            number = number * 10 + digit
            place += 1
        }
        return number
    }

    private var digitsAhead: Int {
        var count = 0
        while place + count < end, digit(at: place + count) != nil { count += 1 }
        return count
    }

    private func digit(at index: Int) -> Int64? {
        let value = bytes[index] &- UInt8(ascii: "0")
        return value <= 9 ? Int64(value) : nil
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard place < end, bytes[place] == UInt8(ascii: character) else { return false }
        place += 1
        return true
    }

    private mutating func skipBlanks() {
        while place < end, ISO8601Reader.isBlank(bytes[place]) { place += 1 }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
