/// Settings that stand together in a mapping of their own: `retry: {attempts: 3, backoff: 1s}`.
public protocol SettingGroup: Configurable, SettingValue {}

extension SettingGroup {
    /// A mapping with these settings.
    public static var settingType: SettingType { .group(settings) }

    /// Reads the mapping, reporting everything that is wrong in it.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Self? {
        guard node.entries != nil else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        return bound(to: node, with: &reader)
    }

    /// Reads a mapping that is one, as ``read(_:with:)`` does.
    package static func bound(to node: Node, with reader: inout SettingReader) -> Self? {
        SettingBinder.bind(
            Prototype<Self>(), to: node, of: Owner(reader.subject, place: node.range), with: &reader)
    }
}
