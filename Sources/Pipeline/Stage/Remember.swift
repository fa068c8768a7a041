/// For how long a message is known by the client's own `id`, so that one which comes again is worked on once.
public enum Remember: SettingValue, Hashable {
    /// Not at all: each message is worked on.
    case off
    /// In memory, for so long.
    case memory(Duration)
    /// As long as its row is in the table, on any host.
    case stored

    /// How long answers are remembered in memory.
    package var time: Duration {
        switch self {
        case .off: .zero
        case .memory(let time): time
        case .stored: .seconds(600)
        }
    }

    /// A time or a word.
    public static var settingType: SettingType { .either([.duration, .choice(["stored", "off"])]) }

    /// `10m`, `stored` or `off`; `0` is `off`.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Remember? {
        switch node.scalar?.text {
        case "off": return .off
        case "stored": return .stored
        default:
            guard let time = Duration.read(node, with: &reader) else { return nil }
            return time > .zero ? .memory(time) : .off
        }
    }

    /// As a file has it.
    public var settingText: String? {
        switch self {
        case .off: "off"
        case .memory(let time): time.settingText
        case .stored: "stored"
        }
    }
}
