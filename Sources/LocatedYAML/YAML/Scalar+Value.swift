extension Scalar {
    /// What a scalar means in YAML 1.2's core schema.
    public enum Value: Sendable, Equatable {
        /// Nothing: empty, `~`, `null`.
        case null
        /// `true` or `false`.
        case bool(Bool)
        /// A whole number that 64 bits hold.
        case int(Int)
        /// Any other number, `.inf` and `.nan` among them.
        case float(Double)
        /// Anything else; `yes`, `no` and `on` are strings.
        case string(String)
    }

    /// What it means. Quoted and block scalars are strings, but where a variable is part of the text, it counts as
    /// plain.
    public var value: Value {
        style == .plain || isInterpolated ? Value(plain: text) : .string(text)
    }
}

extension Scalar.Value {
    /// What a text means where it stands without quotes.
    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .bool(true)
        case "false", "False", "FALSE": self = .bool(false)
        case ".nan", ".NaN", ".NAN": self = .float(.nan)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": self = .float(.infinity)
        case "-.inf", "-.Inf", "-.INF": self = .float(-.infinity)
        default: self = Scalar.Value.number(text) ?? .string(text)
        }
    }

    private static func number(_ text: String) -> Scalar.Value? {
        if text.hasPrefix("0x") { return whole(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return whole(text.dropFirst(2), radix: 8) }
        guard isDecimal(text) else { return nil }
        return Int(text).map(Scalar.Value.int) ?? Double(text).map(Scalar.Value.float)
    }

    private static func whole(_ digits: Substring, radix: Int) -> Scalar.Value? {
        let values = digits.map { $0.isASCII ? $0.hexDigitValue : nil }
        guard !values.isEmpty, values.allSatisfy({ $0.map { $0 < radix } ?? false }) else { return nil }
        if let number = Int(digits, radix: radix) { return .int(number) }
        return .float(values.reduce(0) { $0 * Double(radix) + Double($1 ?? 0) })
    }

    /// Whether it is digits with an optional sign, point and exponent. `Double` alone would take `infinity` and
    /// `0x1p3`.
    private static func isDecimal(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func skipDigits() -> Int {
            let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        func skip(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = skip("+-")
        var digits = skipDigits()
        if skip(".") { digits += skipDigits() }
        guard digits > 0 else { return false }
        if skip("eE") {
            _ = skip("+-")
            guard skipDigits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
