/// Numbers of the feed.
package enum ConsoleNumber {
    /// With no more digits than anybody looks at.
    package static func text(_ value: Double?, digits: Double = 1e3) -> String {
        guard let value, value.isFinite else { return "null" }
        let rounded = (value * digits).rounded() / digits
        return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int(rounded)) : String(rounded)
    }

    /// For people: `820 µs`, `1.2 ms`, `41 s`, `3 min`.
    package static func words(seconds: Double) -> String {
        switch seconds {
        case ..<0.001: "\(Int((seconds * 1e6).rounded())) µs"
        case ..<0.1: "\(text(seconds * 1e3, digits: 10)) ms"
        case ..<1: "\(Int((seconds * 1e3).rounded())) ms"
        case ..<10: "\(text(seconds, digits: 10)) s"
        case ..<120: "\(Int(seconds.rounded())) s"
        case ..<7_200: "\(Int((seconds / 60).rounded())) min"
        default: "\(Int((seconds / 3_600).rounded())) h"
        }
    }
}
