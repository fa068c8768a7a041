public import Pipeline

/// Keys of the body of a model's call, in the order of the file.
public struct RequestKeys: SettingValue {
    /// The keys with their values; `null` takes a key away that would be sent.
    public let members: [(key: String, value: JSONSetting)]

    /// Keys with their values.
    public init(_ members: [(key: String, value: JSONSetting)] = []) {
        self.members = members
    }

    /// A mapping to anything.
    public static var settingType: SettingType { .dictionary(.any) }

    /// Any keys but those that are the stage's work.
    public static func read(_ node: Node, with reader: inout SettingReader) -> RequestKeys? {
        guard let entries = node.entries else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        var members: [(key: String, value: JSONSetting)] = []
        for entry in entries {
            guard let key = entry.key.scalar?.text else { return nil }
            if let instead = own[key] {
                reader.diagnostics.error(
                    .badValue, at: entry.key.range, "\(reader.subject) can't have '\(key)'; \(instead)")
            } else if let value = JSONSetting.read(entry.value, with: &reader) {
                members.append((key, value))
            }
        }
        return members.count == entries.count ? RequestKeys(members) : nil
    }

    private static let own = [
        "messages": "'system', 'prompt' and the stage 'recall' make the messages",
        "stream": "write 'stream: true' as a setting of its own",
    ]

    /// In braces, as the file has them.
    public var settingText: String? {
        "{\(members.map { "\($0.key): \($0.value.settingText ?? $0.value.json)" }.joined(separator: ", "))}"
    }
}
