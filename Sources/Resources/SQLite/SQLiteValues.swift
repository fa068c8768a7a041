import Foundation
import GRDB
import Pipeline

/// What the values of a table's columns say, of whatever type they are: SQLite takes any value in any column.
extension DatabaseValue {
    /// Text, or a number in its text form; `nil` for NULL and blobs.
    var asText: String? {
        switch storage {
        case .string(let text): text
        case .int64(let number): "\(number)"
        case .double(let number): "\(number)"
        case .null, .blob: nil
        }
    }

    /// Anything but NULL. A blob of 16 bytes is a UUID as some programs store it, any other is shown in hexadecimal.
    var asID: String? {
        guard case .blob(let bytes) = storage else { return asText }
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if bytes.count == 16, [4, 6, 8, 10].contains(index) { text += "-" }
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }

    /// A whole number, also in its text form; `nil` for anything else.
    var asCount: Int64? {
        switch storage {
        case .int64(let number): number
        case .double(let number): Int64(exactly: number)
        case .string(let text): Int64(text) ?? Double(text).flatMap { Int64(exactly: $0) }
        case .null, .blob: nil
        }
    }

    /// A point in time; `nil` where none is meant.
    var asTime: Timestamp? {
        switch storage {
        case .string(let text):
            Timestamp(iso8601: text) ?? Int64(text).flatMap(Timestamp.init(number:))
                ?? Double(text).flatMap(Timestamp.init(number:))
        case .int64(let number): Timestamp(number: number)
        case .double(let number): Timestamp(number: number)
        case .null, .blob: nil
        }
    }

    /// The type, as SQLite calls it.
    var typeName: String {
        switch storage {
        case .null: "NULL"
        case .int64: "integer"
        case .double: "real"
        case .string: "text"
        case .blob: "blob"
        }
    }
}

extension Timestamp {
    /// The last day number that is taken for a Julian day, as SQLite's modifier `auto` does, and the greatest number of
    /// seconds: https://www.sqlite.org/lang_datefunc.html
    private static let julianDays = 5_373_484.5
    private static let seconds: Int64 = 253_402_300_799

    /// A number as SQLite's functions read it: a Julian day where it is small, else seconds since 1970. What is too large
    /// for these are milliseconds, microseconds or nanoseconds.
    fileprivate init?(number: Int64) {
        if number >= 0, Double(number) < Timestamp.julianDays {
            self.init(number: Double(number))
            return
        }
        let time: Int64
        switch number {
        case ...Timestamp.seconds: time = max(number, -Timestamp.seconds) * 1_000_000
        case ...(Timestamp.seconds * 1_000 + 999): time = number * 1_000
        case ...(Timestamp.seconds * 1_000_000 + 999_999): time = number
        default: time = number / 1_000
        }
        guard Timestamp.ordinary.contains(time) else { return nil }
        self.init(microseconds: time)
    }

    fileprivate init?(number: Double) {
        let time: Double
        switch number {
        case 0..<Timestamp.julianDays:
            // To the millisecond, as SQLite rounds: a day number has no more in 64 bits. 2440587.5 is 1970.
            time = ((number - 2_440_587.5) * 86_400_000).rounded() * 1_000
        case ..<(Double(Timestamp.seconds) + 1): time = (number * 1_000_000).rounded()
        case ..<((Double(Timestamp.seconds) + 1) * 1_000): time = (number * 1_000).rounded()
        case ..<((Double(Timestamp.seconds) + 1) * 1_000_000): time = number.rounded()
        default: time = (number / 1_000).rounded()
        }
        guard let microseconds = Int64(exactly: time), Timestamp.ordinary.contains(microseconds) else { return nil }
        self.init(microseconds: microseconds)
    }
}

/// Functions for SQL that read values as rows are read.
enum SQLiteFunctions {
    /// Adds them to a connection.
    static func add(to database: Database) {
        database.add(function: time)
        database.add(function: count)
    }

    /// Microseconds since 1970, or NULL.
    private static let time = DatabaseFunction("stagecoach_time", argumentCount: 1, pure: true) { values in
        values.first?.asTime?.microseconds
    }

    /// A whole number, or NULL.
    private static let count = DatabaseFunction("stagecoach_count", argumentCount: 1, pure: true) { values in
        values.first?.asCount
    }
}
