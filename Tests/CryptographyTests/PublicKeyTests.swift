import COpenSSL
import TestSigning
import Testing

@testable import Cryptography

@Suite("Public keys")
struct PublicKeyTests {
    @Test(
        "the forms that PEM has are read",
        arguments: [
            (PEMFiles.rsa, PublicKey.Kind.rsa), (PEMFiles.rsaInPKCS1, .rsa), (PEMFiles.rsaCertificate, .rsa),
            (PEMFiles.rsaForPSS, .rsaPSS), (PEMFiles.p256, .p256), (PEMFiles.p256Compressed, .p256),
            (PEMFiles.p256Certificate, .p256), (PEMFiles.p384, .p384), (PEMFiles.ed25519, .ed25519),
        ])
    func forms(pem: String, kind: PublicKey.Kind) {
        #expect(PublicKey(pem: pem)?.kind == kind)
        #expect(PublicKey(pem: pem.replacing("\n", with: "\r\n") + "\r\n")?.kind == kind)
    }

    @Test("the first key counts, whatever text and other blocks stand around it")
    func first() {
        let other = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        let chain =
            "Subject: CN=issuer\n\(other)\(PEMFiles.rsaCertificate)\nof an authority:\n\(PEMFiles.p256Certificate)\n"
        #expect(PublicKey(pem: chain)?.kind == .rsa)
    }

    @Test(
        "what is no key of a kind that is taken, or a weak one, is none",
        arguments: [
            "", "nothing", PEMFiles.shortRSA, PEMFiles.p521, PEMFiles.secp256k1, PEMFiles.ed448, PEMFiles.x25519,
            PEMFiles.p256ByNumbers, PEMFiles.p256.replacing("PUBLIC KEY", with: "KEY"),
            PEMFiles.p256.replacing("PUBLIC KEY", with: "CERTIFICATE"),
            PEMFiles.p256.replacing("PUBLIC KEY", with: "RSA PUBLIC KEY"),
            PEMFiles.rsaCertificate.replacing("CERTIFICATE", with: "PUBLIC KEY"), String(PEMFiles.p256.dropLast(30)),
            PEMFiles.p256.replacing("MFkw", with: "MFkx"), String(repeating: "-----BEGIN ", count: 1_000),
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        ])
    func none(pem: String) {
        #expect(PublicKey(pem: pem) == nil)
    }

    @Test("a key that is changed anywhere in DER is none, or one that accepts nothing it should not")
    func changed() {
        for signer in [TestSigner.rsa, .p256, .p384, .ed25519] {
            let der = signer.der
            for index in der.indices {
                for bit: UInt8 in [1, 0x10, 0x80] {
                    var changed = der
                    changed[index] ^= bit
                    guard let key = PublicKey(der: changed) else { continue }
                    for algorithm in key.kind.algorithms {
                        #expect(!key.accepts([UInt8](repeating: 1, count: 64), of: [1], by: algorithm))
                    }
                }
            }
            #expect(PublicKey(der: der) != nil && PublicKey(der: der + [0]) == nil)
            for count in der.indices { #expect(PublicKey(der: Array(der.prefix(count))) == nil) }
        }
    }

    @Test("the point at infinity, and one that is not on the curve, are no keys")
    func points() {
        let key = Array(TestSigner.p256.der.suffix(64))
        let (x, y) = (Array(key.prefix(32)), Array(key.suffix(32)))
        #expect(PublicKey(.p256, x: x, y: y)?.kind == .p256)
        #expect(PublicKey(.p256, x: y, y: x) == nil && PublicKey(.p384, x: x, y: y) == nil)
        let zero = [UInt8](repeating: 0, count: 32)
        #expect(PublicKey(.p256, x: zero, y: zero) == nil)
        #expect(PublicKey(.p256, x: [0] + x, y: y) == nil && PublicKey(.p256, x: Array(x.dropLast()), y: y) == nil)
        // Its algorithm, and a point of one byte.
        let infinity = Array(TestSigner.p256.der[2..<23]) + [0x03, 0x02, 0x00, 0x00]
        #expect(PublicKey(der: [0x30, UInt8(infinity.count)] + infinity) == nil)
        #expect(PublicKey(ed25519: Array(zero.dropLast())) == nil && PublicKey(ed25519: zero + [0]) == nil)
    }

    @Test("RSA has 2048 to 16384 bits, and an exponent that is odd, above 1 and below 2^33")
    func numbers() {
        func key(bytes: Int, last: UInt8 = 0xFF, exponent: [UInt8] = [1, 0, 1]) -> PublicKey? {
            PublicKey(modulus: [0xC0] + [UInt8](repeating: 0xA5, count: bytes - 2) + [last], exponent: exponent)
        }
        #expect(key(bytes: 256) != nil && key(bytes: 512) != nil && key(bytes: 2_048) != nil)
        #expect(key(bytes: 255) == nil && key(bytes: 2_049) == nil && key(bytes: 6_000) == nil)
        #expect(key(bytes: 256, last: 0xFE) == nil)
        for exponent: [UInt8] in [
            [], [0], [1], [2], [1, 0, 0], [2, 0, 0, 0, 1], [UInt8](repeating: 0xFF, count: 256),
        ] {
            #expect(key(bytes: 256, exponent: exponent) == nil, "\(exponent)")
        }
        for exponent: [UInt8] in [[3], [0, 0, 3], [1, 0, 0, 0, 1]] {
            #expect(key(bytes: 256, exponent: exponent) != nil, "\(exponent)")
        }
        // As Java writes a number whose first bit is set.
        #expect(PublicKey(modulus: [0, 0xC0] + [UInt8](repeating: 0xA5, count: 255), exponent: [1, 0, 1]) != nil)
    }

    @Test("what libcrypto had to say is forgotten: another's call on the thread does not find it")
    func errors() {
        #expect(PublicKey(pem: PEMFiles.p521) == nil && PublicKey(pem: "-----BEGIN PUBLIC KEY-----\n!") == nil)
        #expect(PublicKey(der: [0x30, 0x03, 1, 2, 3]) == nil)
        let key = VerificationKey.publicKey(TestSigner.rsa.publicKey)
        #expect(!key.accepts([1], of: [1], by: .rs256) && !key.accepts([1], of: [1], by: .ps256))
        #expect(ERR_peek_error() == 0)
    }
}
