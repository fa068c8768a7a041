package import Pipeline

/// One address, or those that begin with the same bits: `10.0.0.0/8`.
package struct AddressRange: Hashable, Sendable, SettingValue {
    private let first: IPAddress
    private let length: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        let maxLength = address.isIPv4 ? 32 : 128
        guard let bits = parts.count == 1 ? maxLength : Int(parts[1]), (0...maxLength).contains(bits) else {
            return nil
        }
        length = bits + 128 - maxLength
        first = AddressRange.masked(address, length)
    }

    /// As a file has it.
    package var text: String {
        let length = first.isIPv4 ? length - 96 : length
        return length == (first.isIPv4 ? 32 : 128) ? "\(first)" : "\(first)/\(length)"
    }

    /// How many addresses it has.
    var size: Double { Double(sign: .plus, exponent: 128 - length, significand: 1) }

    func contains(_ address: IPAddress) -> Bool { AddressRange.masked(address, length) == first }

    private static func masked(_ address: IPAddress, _ length: Int) -> IPAddress {
        // Swift's shift by 64 gives 0.
        IPAddress(
            high: address.high & ~(UInt64.max >> UInt64(min(length, 64))),
            low: address.low & ~(UInt64.max >> UInt64(max(length - 64, 0))))
    }

    package static var settingType: SettingType { .named("address or range of addresses such as 10.0.0.0/8", .string) }

    package static func read(_ node: Node, with reader: inout SettingReader) -> AddressRange? {
        if let text = node.scalar?.text, let range = AddressRange(text) { return range }
        let hint = node.scalar.flatMap { $0.isInterpolated ? nil : AddressRange.hint(for: $0.text) }
        reader.wrongType(node, expected: settingType, hint: hint)
        return nil
    }

    /// How to write what other servers take.
    private static func hint(for text: String) -> String? {
        if text == "localhost" { return "write 127.0.0.1" }
        if text == "*" { return "each address or range is named, there is no '*'" }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.prefix { UInt8($0) != nil }
        if parts.count == 4, (1..<4).contains(bytes.count), parts[bytes.count...].allSatisfy({ $0 == "*" }) {
            let network = bytes + Array(repeating: "0", count: 4 - bytes.count)
            return "write \(network.joined(separator: "."))/\(bytes.count * 8)"
        }
        let halves = text.split(separator: ":", omittingEmptySubsequences: false)
        if halves.count == 2, UInt16(halves[1]) != nil, AddressRange(String(halves[0])) != nil {
            return "write \(halves[0]), without a port"
        }
        return HostName(text) == nil || text.contains("/") ? nil : "names are not looked up: write its address"
    }
}
