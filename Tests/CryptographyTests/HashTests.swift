import Testing

@testable import Cryptography

@Suite("Hashes")
struct HashTests {
    @Test(
        "gives the digests of RFC 3174 and FIPS 180",
        arguments: [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
            (String(repeating: "01234567", count: 80), "dea356a2cddd90c7a7ecedc5ebb563934f460452"),
        ])
    func vectors(message: String, digest: String) {
        #expect(hex(Hash.sha1.digest(of: Array(message.utf8))) == digest)
    }

    /// The digests of 55, 56, 63, 64 and 65 bytes: where the padding takes a block more.
    @Test(
        "pads at the edges of a block",
        arguments: [
            (55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"), (56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"),
            (63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"), (64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"),
            (65, "11655326c708d70319be2610e8a57d9a5b959d3b"),
        ])
    func edges(count: Int, digest: String) {
        #expect(hex(Hash.sha1.digest(of: [UInt8](repeating: UInt8(ascii: "a"), count: count))) == digest)
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
