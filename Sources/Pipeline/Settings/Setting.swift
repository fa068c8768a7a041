/// Declares a setting of a stage, a resource or a group: its name, type, default and help in one line.
///
/// ```swift
/// @Setting("How many exclamation marks to add.", in: 0...10) var marks = 1
/// @Setting("The table's name.") var table: String        // required: it has no default
/// @Setting("Who speaks.") var username: String?           // may be left out
/// ```
@propertyWrapper
public struct Setting<Value: SettingValue>: Sendable, Decodable {
    private var value: Value?
    /// In one reference, as a stage that waits keeps copies of itself, and so of all its settings.
    private let declared: Declared

    private final class Declared: Sendable {
        let help: String
        let bounds: SettingType.Bounds
        let problem: (@Sendable (Value) -> String?)?

        init(_ help: String, _ bounds: SettingType.Bounds, _ problem: (@Sendable (Value) -> String?)?) {
            (self.help, self.bounds, self.problem) = (help, bounds, problem)
        }
    }

    private init(
        value: Value?, help: String, bounds: SettingType.Bounds = SettingType.Bounds(),
        problem: (@Sendable (Value) -> String?)?
    ) {
        self.value = value
        declared = Declared(help, bounds, problem)
    }

    /// A setting with a default.
    public init(wrappedValue: Value, _ help: String) {
        self.init(value: wrappedValue, help: help, problem: nil)
    }

    /// A setting with a default, for values within a range only.
    public init<Range: RangeExpression & Sendable>(wrappedValue: Value, _ help: String, in range: Range)
    where Range.Bound == Value {
        self.init(value: wrappedValue, help: help, bounds: SettingType.Bounds(range)) { value in
            range.contains(value) ? nil : "must be \(rangeText(range))"
        }
    }

    /// A setting with a default, for values about which `problem` finds nothing to say.
    public init(wrappedValue: Value, _ help: String, problem: @escaping @Sendable (Value) -> String?) {
        self.init(value: wrappedValue, help: help, problem: problem)
    }

    /// A setting that the file must give.
    @_disfavoredOverload
    public init(_ help: String) {
        self.init(value: nil, help: help, problem: nil)
    }

    /// A setting that the file must give, for values about which `problem` finds nothing to say.
    @_disfavoredOverload
    public init(_ help: String, problem: @escaping @Sendable (Value) -> String?) {
        self.init(value: nil, help: help, problem: problem)
    }

    /// A setting that may be left out.
    public init<Wrapped>(_ help: String) where Value == Wrapped? {
        self.init(value: .some(nil), help: help, problem: nil)
    }

    /// A setting that may be left out, for values within a range only.
    public init<Wrapped, Range: RangeExpression & Sendable>(_ help: String, in range: Range)
    where Value == Wrapped?, Range.Bound == Wrapped {
        self.init(value: .some(nil), help: help, bounds: SettingType.Bounds(range)) { value in
            value.map(range.contains) ?? true ? nil : "must be \(rangeText(range))"
        }
    }

    /// Values come from a pipeline file, never from another decoder.
    ///
    /// - Throws: `DecodingError`, always.
    public init(from decoder: any Decoder) throws {
        throw notFromAFile(decoder)
    }

    /// The value from the file, or the default.
    public var wrappedValue: Value {
        get {
            guard let value else { preconditionFailure("A required setting was read before it was given a value") }
            return value
        }
        set { value = newValue }
    }

    /// The value; `nil` for a setting that the file must give and that has none yet: for what a stage says of itself
    /// before it is part of a pipeline, such as ``Stage/requires``.
    public var projectedValue: Value? { value }
}

extension Setting: SettingDeclaration {
    var help: String { declared.help }

    var bounds: SettingType.Bounds { declared.bounds }

    var type: SettingType { Value.settingType }

    var isRequired: Bool { value == nil }

    var defaultText: String? { value?.settingText }

    var mayBeNull: Bool { Value.self is any MaybeLeftOut.Type }

    func reading(_ node: Node, with reader: inout SettingReader) -> (any SettingDeclaration)? {
        let check = declared.problem
        let read = reader.curing(node, of: Value.settingType) { node, reader -> Value? in
            guard let read = Value.read(node, with: &reader) else { return nil }
            if let problem = check?(read) {
                reader.diagnostics.error(.badValue, at: node.range, "\(reader.subject) \(problem)")
                return nil
            }
            return read
        }
        guard let read else { return nil }
        var setting = self
        setting.value = read
        return setting
    }
}

/// Optional values.
private protocol MaybeLeftOut {}

extension Optional: MaybeLeftOut {}

/// State of a stage or resource of its own, which is no setting: counters, caches, connections.
///
/// Each entry of a pipeline file gets a fresh one. The value is usually a class or an actor.
@propertyWrapper
public struct State<Value: Sendable>: Sendable, Decodable {
    /// The state.
    public var wrappedValue: Value

    /// The state's first value.
    public init(wrappedValue: Value) {
        self.wrappedValue = wrappedValue
    }

    /// State is made, never decoded.
    ///
    /// - Throws: `DecodingError`, always.
    public init(from decoder: any Decoder) throws {
        throw notFromAFile(decoder)
    }
}

func notFromAFile(_ decoder: any Decoder) -> DecodingError {
    DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "Settings are read from pipeline files only"))
}

private func rangeText<Range: RangeExpression>(_ range: Range) -> String where Range.Bound: SettingValue {
    func text(_ bound: Range.Bound) -> String { bound.settingText ?? "\(bound)" }
    return switch range {
    case let range as ClosedRange<Range.Bound>: "from \(text(range.lowerBound)) to \(text(range.upperBound))"
    case let range as PartialRangeFrom<Range.Bound>: "\(text(range.lowerBound)) or more"
    case let range as PartialRangeThrough<Range.Bound>: "\(text(range.upperBound)) or less"
    default: "\(range)"
    }
}
