/// The address of an HTTP API, checked when the file is read.
public struct WebURL: Sendable, Hashable, SettingValue, ExpressibleByStringLiteral {
    /// The address without a slash at the end of its path.
    public let text: String

    /// An `http://` or `https://` address with a host and no user, password, spaces or fragment; `nil` for others.
    public init?(_ text: String) {
        let schemes = ["http://", "https://"]
        guard let scheme = schemes.first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?".contains($0) }
        let hasOnlyVisibleASCII = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard !authority.isEmpty, !authority.hasPrefix(":"), !authority.contains("@"), hasOnlyVisibleASCII,
            !text.contains("#"), WebURL.isPortValid(authority)
        else { return nil }
        let path = text.prefix { $0 != "?" }
        self.text = path.hasSuffix("/") ? String(path.dropLast()) + text[path.endIndex...] : text
    }

    /// The address up to its query.
    package var path: Substring { text[..<(text.utf8.firstIndex(of: UInt8(ascii: "?")) ?? text.endIndex)] }

    /// The address with more behind its path; a query stays at the end.
    package func appending(_ more: String) -> String {
        let path = path
        return path.endIndex == text.endIndex ? text + more : path + more + text[path.endIndex...]
    }

    /// An address that stands in the program's text, for defaults. One that is no address is a programming error.
    public init(stringLiteral text: String) {
        guard let url = WebURL(text) else { preconditionFailure("'\(text)' is not the address of an HTTP API") }
        self = url
    }

    private static func isPortValid(_ authority: Substring) -> Bool {
        let afterHost =
            authority.hasPrefix("[") ? authority.drop { $0 != "]" }.dropFirst() : authority.drop { $0 != ":" }
        guard afterHost.hasPrefix(":") else { return afterHost.isEmpty }
        return UInt16(afterHost.dropFirst()) != nil
    }

    /// A URL.
    public static var settingType: SettingType { .url }

    /// An address of the web.
    public static func read(_ node: Node, with reader: inout SettingReader) -> WebURL? {
        guard let scalar = node.scalar, let url = WebURL(scalar.text) else {
            reader.wrongType(node, expected: .url, hint: "such as https://api.example.com/v1")
            return nil
        }
        return url
    }

    /// The address.
    public var settingText: String? { text }
}
