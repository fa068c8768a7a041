/// What happens to messages whose client leaves before their answer.
public enum OnDisconnect: SettingValue, Hashable {
    /// They end where they are, a call of the model within it; what was answered is still stored.
    case cancel
    /// They are worked on to their end, and stored.
    case finish
    /// The same, and the session is kept for so long: a client that comes back gets what it missed. `shared` names the
    /// resource, of type `nats`, by which it may come back to any host; `nil` is to this one alone.
    case hold(Duration, shared: String? = nil)

    private struct Held: SettingGroup {
        @Setting("How long the session is kept.") var hold: Duration
        @Uses("The resource, of type nats, by which a client may come back to any host.", onlyNamed: true)
        var shared: (any SharedStore)?
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
        let known = ["hold", "shared"]
        if let entries = node.entries, let hold = node["hold"], entries.allSatisfy({ known.contains($0.name) }) {
            guard let time = Duration.read(hold, with: &reader) else { return nil }
            if time > .zero, entries.count == 1 { return .hold(time) }
            if time > .zero, let shared = node["shared"] {
                let request = ResourceRequest(
                    key: "shared", node: shared, owner: Owner(reader.subject, place: node.range))
                let found = request.one(required: true, with: &reader) { $0 as? any SharedStore }
                return found.map { .hold(time, shared: $0.name) }
            }
        }
        reader.wrongType(node, expected: settingType)
        return nil
    }

    /// As a file has it.
    public var settingText: String? {
        switch self {
        case .cancel: "cancel"
        case .finish: "finish"
        case .hold(let time, let shared):
            "{hold: \(time.settingText ?? "")\(shared.map { ", shared: \($0)" } ?? "")}"
        }
    }
}
