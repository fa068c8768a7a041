/// Numbers of the feed.
package enum ConsoleNumber {
    /// With no more digits than anybody looks at.
    package static func text(_ value: Double?, digits: Double = 1e3) -> String {
        guard let value, value.isFinite else { return "null" }
        let rounded = (value * digits).rounded() / digits
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int(rounded)) : String(rounded)
    }

    /// The nearest whole number, no further from 0 than 1e15, and 0 for what is no number.
    package static func whole(_ value: Double?) -> Int {
        guard let value, !value.isNaN else { return 0 }
        return Int(min(max(value, -1e15), 1e15).rounded())
    }

    /// For people: `820 µs`, `1.2 ms`, `41 s`, `3 min`.
    package static func words(seconds: Double) -> String {
        switch seconds {
        case ..<0.001: "\(whole(seconds * 1e6)) µs"
        case ..<0.1: "\(text(seconds * 1e3, digits: 10)) ms"
        case ..<1: "\(whole(seconds * 1e3)) ms"
        case ..<10: "\(text(seconds, digits: 10)) s"
        case ..<120: "\(whole(seconds)) s"
        case ..<7_200: "\(whole(seconds / 60)) min"
        default: "\(whole(seconds / 3_600)) h"
        }
    }
}
