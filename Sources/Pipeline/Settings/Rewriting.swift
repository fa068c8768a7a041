/// Other ways to write a text, for values that are written as other programs and languages have them.
enum Rewriting {
    /// The likeliest first; most of them mean nothing for most settings.
    static func texts(for text: String) -> [String] {
        var all: [String] = []
        func add(_ other: String?) {
            if let other, !other.isEmpty, other != text, !all.contains(other) { all.append(other) }
        }
        let trimmed = text.trimmedSpaces
        let bare = trimmed.last == "," || trimmed.last == ";" ? String(trimmed.dropLast()) : trimmed
        add(bare)
        add(file(bare))
        add(word(bare.lowercased()))
        for quantity in quantities(bare) { add(quantity) }
        for number in numbers(bare) { add(number) }
        add(Synonyms.plain(bare))
        for address in addresses(bare) { add(address) }
        add(name(bare))
        return all
    }

    /// Words of YAML 1.1, Python and JavaScript for what has a word here.
    private static func word(_ word: String) -> String? {
        switch word {
        case "yes", "y", "on", "1", "enabled", "enable", "wahr", "oui": "true"
        case "no", "n", "off", "0", "disabled", "disable", "never": "false"
        case "none", "nil", "undefined", "nan": "null"
        default: nil
        }
    }

    /// `8k`, `8_000`, `8.000`, `8000.0`, `0,7`.
    private static func numbers(_ text: String) -> [String] {
        let digits = text.filter { !"_' ".contains($0) }
        var all = [digits]
        if let last = digits.last?.lowercased(), let factor = ["k": 1_000, "m": 1_000_000][last],
            let number = Int(digits.dropLast())
        {
            all.append(String(number.multipliedReportingOverflow(by: factor).partialValue))
        }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        // Of thousands, or of a number that is whole.
        if parts.count > 1, parts.dropFirst().allSatisfy({ $0.count == 3 }), parts[0] != "0" {
            all.append(parts.joined())
        }
        if parts.count == 2, parts[1].allSatisfy({ $0 == "0" }) { all.append(String(parts[0])) }
        all.append(digits.replacing(",", with: "."))
        return all.filter { Double($0) != nil }
    }

    /// `30sec`, `30 s`, `1m30s`, `PT30S`, `00:00:30`, `1d`, `10MB`, `64 k`.
    private static func quantities(_ text: String) -> [String] {
        let text = text.lowercased().replacing(",", with: ".")
        if let clock = clock(text) { return [clock] }
        var rest = (text.hasPrefix("pt") ? text.dropFirst(2) : text[...]).drop { $0 == " " }
        var milliseconds = 0.0
        var parts: [(number: Double, unit: String)] = []
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count).drop { $0 == " " }
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count).drop { $0 == " " }
            guard let value = Double(number), value < 1e12, !unit.isEmpty else { return [] }
            parts.append((value, String(unit)))
            milliseconds += value * (times[String(unit)] ?? .nan)
        }
        if parts.count == 1, let size = sizes[parts[0].unit] {
            let bytes = parts[0].number * size
            let asTime = milliseconds.isNaN ? [] : [time(milliseconds)]
            return asTime + (bytes < 1e15 ? [ByteSize(bytes: Int(bytes)).settingText].compactMap(\.self) : [])
        }
        return milliseconds.isNaN || parts.isEmpty ? [] : [time(milliseconds)]
    }

    private static func time(_ milliseconds: Double) -> String {
        Duration.milliseconds(Int64(milliseconds.rounded())).settingText ?? ""
    }

    /// `00:01:30`
    private static func clock(_ text: String) -> String? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) }
        guard (2...3).contains(parts.count), !parts.contains(nil) else { return nil }
        let seconds = parts.compactMap(\.self).reduce(0) { $0 * 60 + $1 }
        return seconds < 1e9 ? time(seconds * 1_000) : nil
    }

    private static let times: [String: Double] = {
        var times: [String: Double] = [:]
        for (words, factor) in [
            ("ms msec msecs millis millisecond milliseconds", 1.0), ("s sec secs second seconds sek", 1_000),
            ("m min mins minute minutes", 60_000), ("h hr hrs hour hours std", 3_600_000),
            ("d day days", 86_400_000), ("w week weeks", 604_800_000),
        ] {
            for word in words.split(separator: " ") { times[String(word)] = factor }
        }
        return times
    }()

    private static let sizes: [String: Double] = {
        var sizes: [String: Double] = [:]
        for (words, factor) in [
            ("b byte bytes", 1.0), ("k kb kib", 0x1p10), ("m mb mib", 0x1p20), ("g gb gib", 0x1p30),
        ] {
            for word in words.split(separator: " ") { sizes[String(word)] = factor }
        }
        return sizes
    }()

    /// An address with its scheme, an origin without its last '/', the path of an address, a path with its '/'.
    private static func addresses(_ text: String) -> [String] {
        var all: [String] = []
        // Its path is no part of an address.
        if text.hasPrefix("sqlite:") || text.hasPrefix("sqlite+") { return [] }
        if let scheme = text.firstRange(of: "://") {
            let rest = text[scheme.upperBound...]
            all.append(rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/")
            if text.hasPrefix("ws") { all.append("http" + text.dropFirst(2)) }
        } else if !text.contains(" "), !text.hasPrefix("/") {
            let isHere = ["localhost", "127.", "[::1]", "0.0.0.0", "192.168.", "10."].contains { text.hasPrefix($0) }
            all += ["/\(text)", (isHere ? "http://" : "https://") + text]
        }
        if text.hasSuffix("/") { all.append(String(text.dropLast())) }
        return all
    }

    /// The file of SQLAlchemy's `sqlite:///data/chat.db` and `sqlite+aiosqlite:////var/chat.db`.
    private static func file(_ text: String) -> String? {
        guard text.hasPrefix("sqlite"), let slashes = text.firstRange(of: ":///") else { return nil }
        return String(text[slashes.upperBound...])
    }

    /// A name with '_' where other characters stand.
    private static func name(_ text: String) -> String? {
        let isNearlyName = text.allSatisfy { $0.isLetter || $0.isNumber || " -_".contains($0) }
        return !isNearlyName ? nil : String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}

extension StringProtocol {
    /// What stands between typographic quotes; `nil` where there are none at both ends.
    var withoutTypographicQuotes: String? {
        let scalars = Array(unicodeScalars)
        guard scalars.count > 2, let first = scalars.first, let last = scalars.last,
            ForeignMarks.quotes.contains(first), ForeignMarks.quotes.contains(last)
        else { return nil }
        return String(String.UnicodeScalarView(scalars.dropFirst().dropLast())).trimmedSpaces
    }
}
