package import Pipeline

/// Where a JSON Web Key Set is: in a file, or where its issuer publishes it.
enum KeySetLocation: SettingValue {
    case file(FilePath)
    case address(KeySetAddress)

    static var settingType: SettingType { .named("path of a file, or https address", .string) }

    static func read(_ node: Node, with reader: inout SettingReader) -> KeySetLocation? {
        guard let file = FilePath.read(node, with: &reader) else { return nil }
        guard KeySetAddress.isMeant(by: file.text) else { return .file(file) }
        if let problem = KeySetAddress.problem(of: file.text) {
            reader.diagnostics.error(.badValue, at: node.range, "\(reader.subject) \(problem)")
            return nil
        }
        return .address(KeySetAddress(text: file.text, range: node.range))
    }

    /// As it is written.
    var text: String {
        switch self {
        case .file(let file): file.text
        case .address(let address): address.text
        }
    }

    var address: KeySetAddress? { if case .address(let address) = self { address } else { nil } }
}

/// An `https` address, or one of `http` on loopback, and where the pipeline file names it.
package struct KeySetAddress: Sendable {
    let text: String
    package let range: SourceRange

    /// The address without its query, which may hold what is not for the log.
    package var shown: Substring { text.prefix { $0 != "?" } }

    /// Whether a text is an address, however wrong, and no path.
    static func isMeant(by text: String) -> Bool {
        if ["http", "https"].contains(text.scheme) { return true }
        guard let end = text.firstRange(of: "://")?.lowerBound, end > text.startIndex else { return false }
        return text[..<end].utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "+-.".utf8.contains(byte)
        }
    }

    /// What is wrong with an address, in words that follow the setting's name; `nil` for one that can be asked.
    static func problem(of text: String) -> String? {
        guard ["http", "https"].contains(text.scheme) else {
            return "must be an https address, or the path of a file without a scheme such as 'file://'"
        }
        let authority = text.drop { $0 != ":" }.drop { $0 == ":" || $0 == "/" }.prefix { !"/?#".contains($0) }
        guard !authority.contains("@") else {
            return "must not hold a user or a password: whoever publishes keys asks for none; leave it out"
        }
        guard !text.contains("#") else {
            return "must not have a fragment: what follows '#' is never sent; leave it out"
        }
        guard WebURL(text) != nil else {
            return "is no address: write https://HOST/PATH, without spaces and letters beyond ASCII"
        }
        guard text.scheme == "https" || isLoopback(authority) else {
            return "must be an https address: whoever is on the way could exchange the keys; http is for loopback alone"
        }
        return nil
    }

    private static func isLoopback(_ authority: Substring) -> Bool {
        let host =
            authority.hasPrefix("[")
            ? authority.dropFirst().prefix { $0 != "]" } : authority.prefix { $0 != ":" }
        return ListenAddress(host.lowercased()).isLoopback
    }
}

extension String {
    /// What stands before the first colon, in lower case; empty where there is none.
    fileprivate var scheme: String { contains(":") ? prefix { $0 != ":" }.lowercased() : "" }
}
