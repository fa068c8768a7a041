package import Pipeline

/// What a client sends in a test.
package struct SentFrames: SettingValue {
    /// One frame.
    package enum Frame: Sendable {
        /// A prompt; the whole frame in text format.
        case prompt(String)
        /// A frame of JSON format.
        case object(JSONValue)
    }

    /// In order.
    package let frames: [Frame]

    /// Where they stand.
    package let place: SourceRange

    /// Whether all of them can be said in text format.
    var arePrompts: Bool {
        frames.allSatisfy { if case .prompt = $0 { true } else { false } }
    }

    package static var settingType: SettingType {
        let frame = SettingType.either([.string, .dictionary(.any)])
        return .named("prompt, mapping or list of these", .either([frame, .list(frame)]))
    }

    package static func read(_ node: Node, with reader: inout SettingReader) -> SentFrames? {
        let frames = (node.elements ?? [node]).map { frame($0, with: &reader) }
        guard !frames.contains(where: { $0 == nil }) else { return nil }
        return SentFrames(frames: frames.compactMap(\.self), place: node.range)
    }

    private static func frame(_ node: Node, with reader: inout SettingReader) -> Frame? {
        if node.entries != nil { return JSONSetting.read(node, with: &reader).map { .object($0.value) } }
        if node.scalar != nil { return String.read(node, with: &reader).map(Frame.prompt) }
        reader.wrongType(node, expected: .named("prompt or mapping", .any))
        return nil
    }
}

/// What a test expects of a frame, a row or an entry of the log, with the place of each part.
package struct Expected: SettingValue {
    /// What the file says.
    package let node: Node

    package static var settingType: SettingType { .named("text or mapping", .either([.string, .dictionary(.any)])) }

    package static func read(_ node: Node, with reader: inout SettingReader) -> Expected? {
        if node.entries != nil { return JSONSetting.read(node, with: &reader).map { _ in Expected(node: node) } }
        guard node.scalar != nil else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        return String.read(node, with: &reader).map { _ in Expected(node: node) }
    }
}
