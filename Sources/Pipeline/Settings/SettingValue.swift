/// A type that a setting can have.
///
/// Strings, numbers, booleans, durations, ``ByteSize``, ``WebURL``, ``Secret``, enums of strings, arrays, dictionaries,
/// optionals and ``SettingGroup``s are settings already.
public protocol SettingValue: Sendable {
    /// What values it takes.
    static var settingType: SettingType { get }

    /// Reads a value, or reports what is wrong with it and returns `nil`.
    static func read(_ node: Node, with reader: inout SettingReader) -> Self?

    /// The value as a pipeline file would have it; `nil` where there is nothing to show.
    var settingText: String? { get }
}

extension SettingValue {
    /// For values that have no short form.
    public var settingText: String? { nil }
}

extension String: SettingValue {
    /// Text.
    public static var settingType: SettingType { .string }

    /// Strings, and anything that came out of an interpolation.
    public static func read(_ node: Node, with reader: inout SettingReader) -> String? {
        guard let scalar = node.scalar else {
            reader.wrongType(node, expected: .string)
            return nil
        }
        if scalar.isInterpolated { return scalar.text }
        if case .string(let text) = scalar.value { return text }
        let hint = scalar.value == .null ? nil : "put it in quotes: \"\(scalar.written)\""
        reader.wrongType(node, expected: .string, hint: hint)
        return nil
    }

    /// Quoted where it is empty or would not be read back as it is.
    public var settingText: String? { isEmpty || contains(": ") || contains("{") ? "\"\(self)\"" : self }
}

extension Int: SettingValue {
    /// A whole number.
    public static var settingType: SettingType { .integer }

    /// Whole numbers of YAML's core schema.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Int? {
        if case .int(let number) = node.scalar?.value { return number }
        reader.wrongType(node, expected: .integer)
        return nil
    }

    /// The digits.
    public var settingText: String? { String(self) }
}

extension Double: SettingValue {
    /// A number.
    public static var settingType: SettingType { .number }

    /// Finite numbers.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Double? {
        switch node.scalar?.value {
        case .int(let number): return Double(number)
        case .float(let number) where number.isFinite: return number
        default:
            reader.wrongType(node, expected: .number)
            return nil
        }
    }

    /// The digits.
    public var settingText: String? { String(self) }
}

extension Bool: SettingValue {
    /// `true` or `false`.
    public static var settingType: SettingType { .boolean }

    /// `true` and `false` of YAML's core schema; `yes` and `on` are strings.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Bool? {
        if case .bool(let value) = node.scalar?.value { return value }
        reader.wrongType(node, expected: .boolean)
        return nil
    }

    /// `true` or `false`.
    public var settingText: String? { String(self) }
}

extension SettingValue where Self: RawRepresentable & CaseIterable, RawValue == String {
    /// One of its cases' raw values.
    public static var settingType: SettingType { .choice(allCases.map(\.rawValue)) }

    /// One of its cases by raw value.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Self? {
        if let text = node.scalar?.text, let value = Self(rawValue: text) { return value }
        guard let scalar = node.scalar, !scalar.isInterpolated else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        reader.diagnostics.error(
            .badValue, at: node.range, "\(reader.subject) must be \(settingType), not '\(scalar.written)'",
            suggestion: Spelling.meant(by: scalar.written, among: allCases.map(\.rawValue)))
        return nil
    }

    /// The raw value.
    public var settingText: String? { rawValue }
}

extension Optional: SettingValue where Wrapped: SettingValue {
    /// The wrapped type.
    public static var settingType: SettingType { Wrapped.settingType }

    /// `null` is none.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Wrapped?? {
        node.isNull ? .some(nil) : Wrapped.read(node, with: &reader).map(Optional.some)
    }

    /// The wrapped value's.
    public var settingText: String? { flatMap(\.settingText) }
}

extension Array: SettingValue where Element: SettingValue {
    /// A list.
    public static var settingType: SettingType { .list(Element.settingType) }

    /// Every element, so that each wrong one is reported.
    public static func read(_ node: Node, with reader: inout SettingReader) -> [Element]? {
        guard let nodes = node.elements else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        var isTold = false
        let values = nodes.map { element -> Element? in
            // Where lists of stages are asked for, stages are one mistake.
            if case .stages = Element.settingType, element.elements == nil {
                if isTold { return nil }
                isTold = true
            }
            return reader.with(subject: "each of \(reader.subject)") { reader in
                reader.curing(element, of: Element.settingType) { Element.read($0, with: &$1) }
            }
        }
        return values.contains { $0 == nil } ? nil : values.compactMap { $0 }
    }

    /// In brackets.
    public var settingText: String? { "[\(compactMap(\.settingText).joined(separator: ", "))]" }
}

extension Dictionary: SettingValue where Key == String, Value: SettingValue {
    /// A mapping from any name.
    public static var settingType: SettingType { .dictionary(Value.settingType) }

    /// Every value, so that each wrong one is reported.
    public static func read(_ node: Node, with reader: inout SettingReader) -> [String: Value]? {
        guard let entries = node.entries else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        var result: [String: Value] = [:]
        var isWhole = true
        for entry in entries {
            let key = entry.key.scalar?.text ?? ""
            let value = reader.with(subject: "'\(key)' in \(reader.subject)") { reader in
                reader.curing(entry.value, of: Value.settingType) { Value.read($0, with: &$1) }
            }
            result[key] = value
            isWhole = isWhole && value != nil
        }
        return isWhole ? result : nil
    }

    /// In braces, sorted by name.
    public var settingText: String? {
        let pairs = sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.settingText ?? "")" }
        return "{\(pairs.joined(separator: ", "))}"
    }
}
