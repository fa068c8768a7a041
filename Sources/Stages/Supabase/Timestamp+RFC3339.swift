import Pipeline

extension Timestamp {
    /// Reads what PostgreSQL writes as JSON, such as `2026-01-31T12:00:00.1234+00:00`; `nil` for anything else.
    ///
    /// RFC 3339, with the offsets of hours alone that PostgreSQL has too.
    init?(rfc3339 text: String) {
        guard let time = text.firstIndex(where: { "T ".contains($0) }),
            let zone = text[time...].firstIndex(where: { "Z+-".contains($0) })
        else { return nil }
        let parts = text[..<zone].split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? parts[1] : ""
        guard parts.count <= 2, fraction.count <= 6, let offset = Timestamp.offset(text[zone...]) else { return nil }
        let whole = parts[0].replacing(" ", with: "T")
        let digits = fraction + String(repeating: "0", count: 6 - fraction.count)
        guard let local = Timestamp("\(whole).\(digits)Z") else { return nil }
        self.init(microseconds: local.microseconds - offset * 1_000_000)
    }

    /// In seconds.
    private static func offset(_ zone: Substring) -> Int64? {
        if zone == "Z" { return 0 }
        let numbers = zone.dropFirst().split(separator: ":").map { Int64($0) }
        guard (1...3).contains(numbers.count), !numbers.contains(nil) else { return nil }
        let seconds = zip(numbers.compactMap(\.self), [3_600, 60, 1]).map { $0 * $1 }.reduce(0, +)
        return zone.hasPrefix("-") ? -seconds : seconds
    }
}
