/// Writes the little of DER (X.690) that keys and signatures need.
enum DER {
    static let null: [UInt8] = [0x05, 0x00]

    static func sequence(_ parts: [[UInt8]]) -> [UInt8] { element(0x30, Array(parts.joined())) }

    /// A number that is not negative, its first byte first.
    static func integer(_ number: some Collection<UInt8>) -> [UInt8] {
        let digits = Array(number.drop { $0 == 0 })
        // The first bit is the sign.
        return element(0x02, (digits.first ?? 0x80) < 0x80 ? digits : [0] + digits)
    }

    static func identifier(_ number: [UInt8]) -> [UInt8] { element(0x06, number) }

    /// SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
    static func publicKey(of algorithm: [[UInt8]], _ key: [UInt8]) -> [UInt8] {
        // The 0 says that the last byte is whole.
        sequence([sequence(algorithm), element(0x03, [0] + key)])
    }

    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        guard content.count > 0x7F else { return [tag, UInt8(content.count)] + content }
        var (length, rest): ([UInt8], Int) = ([], content.count)
        while rest > 0 {
            length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        }
        return [tag, 0x80 | UInt8(length.count)] + length + content
    }
}
