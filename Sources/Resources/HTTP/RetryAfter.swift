package import HTTPClient
import Pipeline

/// How long an API asks to wait.
package enum RetryAfter {
    /// From `Retry-After`, in seconds or as a date (RFC 9110 section 10.2.3), else from the time at which the limit of
    /// requests or tokens is lifted: https://platform.openai.com/docs/guides/rate-limits
    package static func wait(in headers: HTTPHeaderFields) -> Duration? {
        if let text = headers["Retry-After"] { return seconds(text) ?? date(text) }
        if headers["x-ratelimit-remaining-requests"] == "0" {
            return headers["x-ratelimit-reset-requests"].flatMap(span)
        }
        if headers["x-ratelimit-remaining-tokens"] == "0" { return headers["x-ratelimit-reset-tokens"].flatMap(span) }
        return nil
    }

    /// Longer than anybody waits, and far from what a time can't hold: what is longer counts as this.
    private static let longest: Duration = .seconds(366 * 86_400)

    private static func seconds(_ text: String) -> Duration? {
        number(text[...]).map { times($0, .seconds(1)) }
    }

    /// Digits, which may have a fraction.
    private static func number(_ text: Substring) -> Double? {
        guard text.utf8.first.map(isDigit) == true, text.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") })
        else { return nil }
        return Double(text)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func times(_ number: Double, _ unit: Duration) -> Duration {
        number < longest / unit ? unit * number : longest
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func date(_ text: String) -> Duration? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        guard let date = Timestamp("\(words[3])-\(number)-\(words[1])T\(words[4]).000000Z") else { return nil }
        return min(max(.zero, .microseconds(date.microseconds - Timestamp.now.microseconds)), longest)
    }

    /// `1s`, `6m0s`, `1h2m3s`, `20ms`.
    static func span(_ text: String) -> Duration? {
        var total = Duration.zero
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = number(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            switch unit {
            case "ms": total += times(number, .milliseconds(1))
            case "s": total += times(number, .seconds(1))
            case "m": total += times(number, .seconds(60))
            case "h": total += times(number, .seconds(3_600))
            default: return nil
            }
        }
        return text.isEmpty ? nil : min(total, longest)
    }
}
