public import Pipeline
import Resources

/// The address of an HTTP API with fields in its path or query, whose values are escaped; the host is fixed.
public struct URLTemplate: Sendable, SettingValue {
    let template: MessageTemplate

    /// A URL.
    public static var settingType: SettingType { .url }

    /// An address whose scheme and host are written out, so that no message can send a call somewhere else.
    public static func read(_ node: Node, with reader: inout SettingReader) -> URLTemplate? {
        guard let template = MessageTemplate.read(node, with: &reader) else { return nil }
        let isWhole = template.requires.isEmpty && template.fixedStart == node.scalar?.text
        guard let end = hostEnd(in: template.fixedStart) ?? (isWhole ? template.fixedStart.endIndex : nil),
            WebURL(String(template.fixedStart[..<end])) != nil
        else {
            reader.wrongType(
                node, expected: .url, hint: "such as https://api.example.com/tags?text={{prompt}}, the host written out"
            )
            return nil
        }
        return URLTemplate(template: template)
    }

    /// The address for a message.
    ///
    /// - Throws: `invalid_message` where the message's fields would make it another path than the one that is written:
    ///   dots can't be escaped (RFC 3986 6.2.2.3), and some servers leave out what is empty between two slashes.
    func text(for message: Message) throws(PipelineError) -> String {
        var path = PathCheck()
        let text = template.text(for: message, fixed: { path.take(fixed: $0) }) { value in
            path.take(value: value)
            return value.percentEncoded
        }
        if let problem = path.problem {
            throw PipelineError(
                .invalidMessage, "The message has a value that can't be part of an address", detail: problem)
        }
        return text
    }

    /// Where the path or the query begins.
    private static func hostEnd(in text: String) -> String.Index? {
        guard let scheme = text.firstRange(of: "://") else { return nil }
        return text[scheme.upperBound...].firstIndex { "/?".contains($0) }
    }
}
