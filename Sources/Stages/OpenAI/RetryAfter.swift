import HTTPClient
import Pipeline

/// How long an API asks to wait.
enum RetryAfter {
    /// From `Retry-After`, in seconds or as a date (RFC 9110 section 10.2.3), else from the time at which the limit of
    /// requests or tokens is lifted: https://platform.openai.com/docs/guides/rate-limits
    static func wait(in headers: HTTPHeaderFields) -> Duration? {
        if let text = headers["Retry-After"] { return seconds(text) ?? date(text) }
        if headers["x-ratelimit-remaining-requests"] == "0" {
            return headers["x-ratelimit-reset-requests"].flatMap(span)
        }
        if headers["x-ratelimit-remaining-tokens"] == "0" { return headers["x-ratelimit-reset-tokens"].flatMap(span) }
        return nil
    }

    private static func seconds(_ text: String) -> Duration? {
        guard let number = Double(text), number.isFinite, number >= 0, number < 1e9 else { return nil }
        return .milliseconds(Int64(number * 1_000))
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
        return max(.zero, .microseconds(date.microseconds - Timestamp.now.microseconds))
    }

    /// `1s`, `6m0s`, `1h2m3s`, `20ms`.
    static func span(_ text: String) -> Duration? {
        var total = Duration.zero
        var rest = text[...]
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            switch unit {
            case "ms": total += .milliseconds(1) * number
            case "s": total += .seconds(1) * number
            case "m": total += .seconds(60) * number
            case "h": total += .seconds(3_600) * number
            default: return nil
            }
        }
        return text.isEmpty ? nil : total
    }
}
