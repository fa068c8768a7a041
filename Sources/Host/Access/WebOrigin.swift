import Pipeline

/// The origin of a web page, as browsers send it (RFC 6454 section 6.2): scheme, host, and a port that is not the scheme's own.
package struct WebOrigin: Hashable, Sendable, SettingValue {
    let text: String

    package init?(_ text: String) {
        let text = text.lowercased()
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        // Pages from files, and in a sandbox, have the origin "null".
        guard text == "null" || parts.count == 3 && parts[0].hasSuffix(":") && parts[0].count > 1 && parts[1].isEmpty,
            let authority = parts.last, !authority.isEmpty, !authority.contains(where: { "?#@* ".contains($0) })
        else { return nil }
        let ownPort = ["https:": ":443", "http:": ":80"][String(parts[0])]
        self.text = ownPort.map { text.hasSuffix($0) ? String(text.dropLast($0.count)) : text } ?? text
    }

    package static var settingType: SettingType { .named("origin such as https://chat.example", .string) }

    package static func read(_ node: Node, with reader: inout SettingReader) -> WebOrigin? {
        if let text = node.scalar?.text, let origin = WebOrigin(text) { return origin }
        reader.wrongType(node, expected: settingType)
        return nil
    }
}
