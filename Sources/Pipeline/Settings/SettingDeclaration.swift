/// What a property wrapper says about one setting, whatever its type.
protocol SettingDeclaration: Sendable {
    var help: String { get }
    var type: SettingType { get }
    var isRequired: Bool { get }
    /// The default as a pipeline file would have it; `nil` where there is none or it says nothing.
    var defaultText: String? { get }
    /// The numbers that it takes.
    var bounds: SettingType.Bounds { get }
    /// Whether `null` is a value: that of a setting which is left out.
    var mayBeNull: Bool { get }
    /// The same declaration with the value read from the file; `nil` after reporting what is wrong with it.
    func reading(_ node: Node, with reader: inout SettingReader) -> (any SettingDeclaration)?
}

extension SettingType {
    /// The range of a setting that is a number; `nil` where there is no end.
    public struct Bounds: Sendable {
        /// The smallest number.
        public var lower: Double?
        /// The largest number.
        public var upper: Double?

        package init() {}

        init<Range: RangeExpression>(_ range: Range) {
            func number(_ bound: Range.Bound) -> Double? {
                (bound as? Int).map(Double.init) ?? bound as? Double
            }
            switch range {
            case let range as ClosedRange<Range.Bound>:
                (lower, upper) = (number(range.lowerBound), number(range.upperBound))
            case let range as PartialRangeFrom<Range.Bound>: lower = number(range.lowerBound)
            case let range as PartialRangeThrough<Range.Bound>: upper = number(range.upperBound)
            default: break
            }
        }
    }
}

extension SettingType {
    /// One setting as help, `stagecoach stages` and editors show it.
    public struct Named: Sendable {
        /// The key in the pipeline file.
        public let name: String
        /// What values it takes.
        public let type: SettingType
        /// What it is for.
        public let help: String
        /// The default as a pipeline file would have it; `nil` where there is none.
        public let defaultText: String?
        /// Whether the file must give it.
        public let isRequired: Bool
        /// The numbers that it takes.
        public var bounds = SettingType.Bounds()
        /// Whether `null` is a value: that of a setting which is left out.
        public var mayBeNull = false

        package init(
            name: String, type: SettingType, help: String, defaultText: String?, isRequired: Bool,
            bounds: SettingType.Bounds = SettingType.Bounds(), mayBeNull: Bool = false
        ) {
            self.name = name
            self.type = type
            self.help = help
            self.defaultText = defaultText
            self.isRequired = isRequired
            self.bounds = bounds
            self.mayBeNull = mayBeNull
        }
    }
}
