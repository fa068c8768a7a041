import Foundation
package import Pipeline

/// The origin of a web page, as browsers send it (RFC 6454 section 6.2): scheme, host, and a port that is not the scheme's own.
/// A name with letters beyond ASCII is taken in its ASCII form, which is what browsers send (UTS 46).
package struct WebOrigin: Hashable, Sendable, SettingValue {
    let text: String

    package init?(_ text: String) {
        let text = text.lowercased()
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        // Pages from files, and in a sandbox, have the origin "null".
        guard text != "null" else {
            self.text = text
            return
        }
        guard parts.count == 3, parts[0].hasSuffix(":"), parts[0].count > 1, parts[1].isEmpty, !parts[2].isEmpty,
            !parts[2].contains(where: { "?#@* ".contains($0) }), parts[0].utf8.allSatisfy({ $0 < 0x80 }),
            let authority = WebOrigin.ascii(parts[2])
        else { return nil }
        let scheme = String(parts[0])
        // A page is never of a WebSocket's scheme, and a name that is none matches nothing.
        guard scheme != "ws:", scheme != "wss:" else { return nil }
        let ownPort = ["https:": ":443", "http:": ":80"][scheme]
        guard ownPort == nil || HostName(authority) != nil else { return nil }
        let name = ownPort.map { authority.hasSuffix($0) ? authority.dropLast($0.count) : authority[...] }
        self.text = "\(parts[0])//\(name ?? authority[...])"
    }

    /// A host and perhaps a port, the host in its ASCII form; `nil` where there is none.
    private static func ascii(_ authority: Substring) -> String? {
        if authority.utf8.allSatisfy({ $0 < 0x80 }) { return String(authority) }
        let name = authority.prefix { $0 != ":" }
        // Foundation follows UTS 46, as browsers do.
        guard let host = URLComponents(string: "https://\(name)")?.encodedHost else { return nil }
        let ascii = host + authority.dropFirst(name.count)
        return HostName(ascii) == nil ? nil : ascii
    }

    package static var settingType: SettingType { .named("origin such as https://chat.example", .string) }

    package static func read(_ node: Node, with reader: inout SettingReader) -> WebOrigin? {
        if let text = node.scalar?.text, let origin = WebOrigin(text) { return origin }
        reader.wrongType(
            node, expected: settingType,
            hint: node.scalar.flatMap { $0.isInterpolated ? nil : WebOrigin.hint(for: $0.text) })
        return nil
    }

    private static func hint(for text: String) -> String? {
        if text.contains("*") { return "each origin is named, there is no '*'" }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 3, let origin = WebOrigin(parts.prefix(3).joined(separator: "/")) else { return nil }
        return "write \(origin.text), without a path"
    }
}
