/// Year, month and day of the proleptic Gregorian calendar.
///
/// The arithmetic is `civil_from_days` and `days_from_civil` of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
struct CivilDate {
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

    /// `nil` where the month has no such day.
    static func validDaysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64? {
        guard (1...12).contains(month), day >= 1 else { return nil }
        let next = month == 12 ? (year + 1, Int64(1)) : (year, month + 1)
        let days = daysSinceEpoch(year: year, month: month, day: day)
        return days < daysSinceEpoch(year: next.0, month: next.1, day: 1) ? days : nil
    }

    /// The Monday of a year's first week (ISO 8601): that of the week with January 4th.
    static func firstMonday(ofYear year: Int64) -> Int64 {
        let fourth = daysSinceEpoch(year: year, month: 1, day: 4)
        // 1970-01-01 was a Thursday.
        return fourth - (fourth + 3).flooredQuotientAndRemainder(by: 7).remainder
    }
}

extension Int64 {
    /// Division that rounds down, so that times before 1970 come out right too.
    func flooredQuotientAndRemainder(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
