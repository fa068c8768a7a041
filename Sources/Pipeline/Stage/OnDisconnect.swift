/// What happens to messages whose client leaves before their answer.
public enum OnDisconnect: SettingValue, Hashable {
    /// They end where they are, a call of the model within it; what was answered is still stored.
    case cancel
    /// They are worked on to their end, and stored.
    case finish
    /// The same, and the session is kept for so long: a client that comes back gets what it missed.
    case hold(Duration)

    private struct Held: SettingGroup {
        @Setting("How long the session is kept.") var hold: Duration
    }

    /// A word, or a mapping with the time.
    public static var settingType: SettingType {
        .either([.choice(["cancel", "finish"]), .named("{hold: 60s}", .group(Held.settings))])
    }

    /// `cancel`, `finish` or `{hold: 60s}`.
    public static func read(_ node: Node, with reader: inout SettingReader) -> OnDisconnect? {
        switch node.scalar?.text {
        case "cancel": return .cancel
        case "finish": return .finish
        default: break
        }
        if let entries = node.entries, entries.count == 1, let hold = node["hold"] {
            guard let time = Duration.read(hold, with: &reader) else { return nil }
            if time > .zero { return .hold(time) }
        }
        reader.wrongType(node, expected: settingType)
        return nil
    }

    /// As a file has it.
    public var settingText: String? {
        switch self {
        case .cancel: "cancel"
        case .finish: "finish"
        case .hold(let time): "{hold: \(time.settingText ?? "")}"
        }
    }
}
