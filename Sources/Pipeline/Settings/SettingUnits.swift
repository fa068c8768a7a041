extension Duration: SettingValue {
    /// A number with a unit.
    public static var settingType: SettingType { .duration }

    /// `250ms`, `30s`, `1.5m`, `1h`, or `0`; any other number without a unit is an error that says so.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Duration? {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3_600)]
        let seconds = Quantity.read(node, type: settingType, units: units, below: longest, with: &reader) { number in
            (number >= 1_000 ? "\(Quantity.text(number))ms or " : "") + "\(Quantity.text(number))s"
        }
        return seconds.map { .microseconds(Int64($0 * 1_000_000)) }
    }

    /// A hundred years of seconds, longer than any sensible setting: sums of some and their nanoseconds fit 64 bits.
    private static var longest: Double { 3_155_760_000 }

    /// As people say it, for sentences: `30s`, `2900ms`, from a minute on `1m 31s 500ms`.
    package var words: String {
        let milliseconds = components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
        if milliseconds < 60_000 { return settingText ?? "\(self)" }
        let (hours, minutes) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60)
        let (seconds, rest) = (milliseconds / 1_000 % 60, milliseconds % 1_000)
        var parts: [String] = []
        if hours > 0 { parts.append("\(hours)h") }
        if minutes > 0 { parts.append("\(minutes)m") }
        if seconds > 0 || rest > 0 { parts.append("\(seconds)s") }
        if rest > 0 { parts.append("\(rest)ms") }
        return parts.joined(separator: " ")
    }

    /// In the largest unit that leaves a whole number.
    public var settingText: String? {
        let milliseconds = components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
        return switch milliseconds {
        case 0: "0"
        case let value where value % 3_600_000 == 0: "\(value / 3_600_000)h"
        case let value where value % 60_000 == 0: "\(value / 60_000)m"
        case let value where value % 1_000 == 0: "\(value / 1_000)s"
        default: "\(milliseconds)ms"
        }
    }
}

/// A number of bytes.
public struct ByteSize: Sendable, Hashable, Comparable, SettingValue {
    /// The number.
    public let bytes: Int

    /// That many bytes.
    public init(bytes: Int) {
        self.bytes = bytes
    }

    /// That many times 1,024 bytes.
    public static func kibibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count << 10) }

    /// That many times 1,048,576 bytes.
    public static func mebibytes(_ count: Int) -> ByteSize { ByteSize(bytes: count << 20) }

    /// The smaller comes first.
    public static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

    /// A number with a unit.
    public static var settingType: SettingType { .byteSize }

    /// `512B`, `64KiB`, `1MiB`, `1GiB`, or `0`; any other number without a unit is an error that says so.
    public static func read(_ node: Node, with reader: inout SettingReader) -> ByteSize? {
        let units: [(String, Double)] = [("B", 1), ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30)]
        let bytes = Quantity.read(node, type: settingType, units: units, below: 0x1p42, with: &reader) { number in
            number >= 1_024 && number < 0x1p42
                ? ByteSize(bytes: Int(number)).settingText ?? "" : "\(Quantity.text(number))KiB"
        }
        return bytes.map { ByteSize(bytes: Int($0)) }
    }

    /// In the largest unit that leaves a whole number.
    public var settingText: String? {
        switch bytes {
        case 0: "0"
        case let value where value % (1 << 30) == 0: "\(value >> 30)GiB"
        case let value where value % (1 << 20) == 0: "\(value >> 20)MiB"
        case let value where value % (1 << 10) == 0: "\(value >> 10)KiB"
        default: "\(bytes)B"
        }
    }
}

/// A number and its unit in one scalar.
private enum Quantity {
    static func text(_ number: Double) -> String {
        number == number.rounded() && number < 1e15 ? String(Int(number)) : String(number)
    }

    /// - Parameter limit: What is larger than any sensible setting, and small enough to be reckoned with.
    static func read(
        _ node: Node, type: SettingType, units: [(String, Double)], below limit: Double,
        with reader: inout SettingReader, example: (Double) -> String
    ) -> Double? {
        guard let scalar = node.scalar else {
            reader.wrongType(node, expected: type)
            return nil
        }
        let number = scalar.text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = scalar.text.dropFirst(number.count)
        let factor = number == "0" && unit.isEmpty ? 1 : units.first { $0.0 == unit }?.1
        if let factor, let value = Double(number), value * factor < limit { return value * factor }
        if scalar.isInterpolated {
            reader.wrongType(node, expected: type)
        } else if factor != nil, Double(number) != nil {
            reader.diagnostics.error(.badValue, at: node.range, "\(reader.subject) is too large: '\(scalar.written)'")
        } else if unit.isEmpty, let value = Double(number) {
            reader.diagnostics.error(
                .missingUnit, at: node.range, "\(reader.subject) needs a unit: \(example(value))")
        } else {
            let nearest = units.first { $0.0.lowercased() == unit.lowercased() || $0.0 == unit.prefix(1) + "iB" }
            reader.diagnostics.error(
                .badValue, at: node.range, "\(reader.subject) must be \(type.noun), not '\(scalar.written)'",
                suggestion: Double(number) == nil ? nil : nearest.map { number + $0.0 })
        }
        return nil
    }
}
