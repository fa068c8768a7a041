import Glibc

/// An IPv4 or IPv6 address as 128 bits: an IPv4 address is the IPv6 address that stands for it (`::ffff:192.0.2.1`), so
/// that both spellings of one machine are one address.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    package let high, low: UInt64

    /// Reads `192.0.2.1` or `2001:db8::1`, without a port; a zone (`%eth0`) is left out.
    package init?(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        if text.contains(":") {
            guard inet_pton(AF_INET6, String(text.prefix { $0 != "%" }), &bytes) == 1 else { return nil }
            (high, low) = (IPAddress.number(bytes[..<8]), IPAddress.number(bytes[8...]))
        } else {
            guard inet_pton(AF_INET, text, &bytes) == 1 else { return nil }
            (high, low) = (0, 0xFFFF_0000_0000 | IPAddress.number(bytes[..<4]))
        }
    }

    package init(high: UInt64, low: UInt64) {
        (self.high, self.low) = (high, low)
    }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// Whether it is an address of this machine to itself.
    package var isLoopback: Bool { isIPv4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1 }

    /// What one client has of it: an IPv4 address whole, of an IPv6 address its network, within which a client may
    /// choose any of 2^64 addresses.
    package var network: IPAddress { isIPv4 ? self : IPAddress(high: high, low: 0) }

    package var description: String {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * $0)) }
        if isIPv4 { return bytes[4...].map(String.init).joined(separator: ".") }
        let all = (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * $0)) } + bytes
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, all, &text, socklen_t(text.count)) != nil else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
