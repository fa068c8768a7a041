import Pipeline

/// What a `Host` field names: a name or an address, and perhaps a port (RFC 9110 section 7.2).
struct HostName {
    /// In lower case; an IPv6 address without its brackets.
    let name: String
    /// `nil` where there is none.
    let port: UInt16?

    /// `nil` for anything else, such as `[::1].example` and `localhost:80@example`: what merely begins like a name is
    /// another one.
    init?(_ text: String) {
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let address = text[text.index(after: text.startIndex)..<end]
            // A zone means nothing to another machine.
            guard address.contains(":"), !address.contains("%"), IPAddress(String(address)) != nil else { return nil }
            (name, rest) = (address.lowercased(), text[text.index(after: end)...])
        } else {
            let start = text.prefix { $0 != ":" }
            guard !start.isEmpty, start.utf8.allSatisfy(HostName.isAllowed) else { return nil }
            (name, rest) = (start.lowercased(), text.dropFirst(start.count))
        }
        guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
        let digits = rest.dropFirst()
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), digits.isEmpty || UInt16(digits) != nil else {
            return nil
        }
        port = UInt16(digits)
    }

    /// Whether both name the same, where a scheme's own port need not be written.
    func isSame(as other: HostName, ownPort: UInt16) -> Bool {
        name == other.name && (port ?? ownPort) == (other.port ?? ownPort)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }
}
