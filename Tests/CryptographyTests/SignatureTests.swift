import TestSigning
import Testing

@testable import Cryptography

@Suite("Signatures")
struct SignatureTests {
    private static let text = Array("eyJhbGciOiJub25lIn0.e30".utf8)
    private static let secret = Array("a secret of at least thirty-two bytes".utf8)

    private static func key(_ algorithm: SignatureAlgorithm) -> VerificationKey {
        algorithm.isSymmetric ? .secret(secret) : .publicKey(TestSigner.of(algorithm).publicKey)
    }

    private static func signature(
        _ algorithm: SignatureAlgorithm, of text: [UInt8] = text, secret: [UInt8] = secret
    ) -> [UInt8] {
        algorithm.isSymmetric
            ? TestSigner.code(of: text, secret: secret, by: algorithm)
            : TestSigner.of(algorithm).sign(text, by: algorithm)
    }

    @Test("one by the key is accepted, for its text and its algorithm alone", arguments: SignatureAlgorithm.allCases)
    func accepted(algorithm: SignatureAlgorithm) {
        let (key, signature) = (Self.key(algorithm), Self.signature(algorithm))
        #expect(key.accepts(signature, of: Self.text, by: algorithm))
        #expect(!key.accepts(signature, of: Self.text + [0], by: algorithm))
        #expect(!key.accepts(signature, of: [], by: algorithm))
        for other in SignatureAlgorithm.allCases where other != algorithm {
            #expect(!key.accepts(signature, of: Self.text, by: other), "\(other)")
            #expect(!Self.key(other).accepts(signature, of: Self.text, by: other), "\(other)")
        }
        let empty = Self.signature(algorithm, of: [])
        #expect(key.accepts(empty, of: [], by: algorithm))
    }

    @Test("one with a changed bit is refused", arguments: SignatureAlgorithm.allCases)
    func flipped(algorithm: SignatureAlgorithm) {
        let (key, signature) = (Self.key(algorithm), Self.signature(algorithm))
        for bit in 0..<(8 * signature.count) {
            var changed = signature
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(!key.accepts(changed, of: Self.text, by: algorithm), "bit \(bit)")
        }
    }

    @Test("one of another length is refused", arguments: SignatureAlgorithm.allCases)
    func lengths(algorithm: SignatureAlgorithm) {
        let (key, signature) = (Self.key(algorithm), Self.signature(algorithm))
        for count in 0..<signature.count {
            #expect(!key.accepts(Array(signature.prefix(count)), of: Self.text, by: algorithm))
            #expect(!key.accepts(Array(signature.suffix(count)), of: Self.text, by: algorithm))
        }
        for changed in [
            signature + [0], [0] + signature, signature + signature, [UInt8](repeating: 0, count: signature.count),
            [UInt8](repeating: 0xFF, count: signature.count), [UInt8](repeating: 7, count: 100_000),
        ] {
            #expect(!key.accepts(changed, of: Self.text, by: algorithm))
        }
    }

    /// The orders of the curves' groups (FIPS 186-4 appendix D.1.2).
    private static let orders: [SignatureAlgorithm: String] = [
        .es256: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        .es384: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ]

    @Test(
        "numbers of ECDSA that are 0, or the order or more, are refused", arguments: [SignatureAlgorithm.es256, .es384])
    func ranges(algorithm: SignatureAlgorithm) throws {
        let order = try #require(Self.orders[algorithm].flatMap(bytes))
        let (key, signature) = (Self.key(algorithm), Self.signature(algorithm))
        let (r, s) = (Array(signature.prefix(order.count)), Array(signature.suffix(order.count)))
        let zero = [UInt8](repeating: 0, count: order.count)
        let (one, most) = (Array(zero.dropLast()) + [1], [UInt8](repeating: 0xFF, count: order.count))
        for (first, second) in [
            (zero, s), (r, zero), (zero, zero), (order, s), (r, order), (order, order), (most, s), (r, most), (s, r),
            (one, one), (zero, one), (one, zero), (order, zero), (zero, order),
        ] {
            #expect(!key.accepts(first + second, of: Self.text, by: algorithm))
        }
        #expect(key.accepts(r + s, of: Self.text, by: algorithm))
    }

    @Test("ECDSA's numbers in DER are no signature of a token", arguments: [SignatureAlgorithm.es256, .es384])
    func sequence(algorithm: SignatureAlgorithm) {
        let (key, signature) = (Self.key(algorithm), Self.signature(algorithm))
        let size = signature.count / 2
        let der = DER.sequence([DER.integer(signature.prefix(size)), DER.integer(signature.suffix(size))])
        #expect(!key.accepts(der, of: Self.text, by: algorithm))
    }

    @Test("PS256 with another salt than RFC 7518 says is refused", arguments: [0, 20, 31, 33, 64, 222])
    func salt(count: Int32) {
        let signature = TestSigner.rsa.sign(Self.text, by: .ps256, salt: count)
        #expect(!Self.key(.ps256).accepts(signature, of: Self.text, by: .ps256))
    }

    @Test("a secret of any length is taken as it is", arguments: [1, 31, 32, 63, 64, 65, 127, 128, 129, 10_000])
    func secrets(count: Int) {
        let secret = (0..<count).map { UInt8(truncatingIfNeeded: $0) | 1 }
        for algorithm in VerificationKey.secret([]).algorithms {
            let signature = Self.signature(algorithm, secret: secret)
            #expect(VerificationKey.secret(secret).accepts(signature, of: Self.text, by: algorithm))
            #expect(!VerificationKey.secret(secret + [7]).accepts(signature, of: Self.text, by: algorithm))
        }
    }

    @Test("a public key in any form is no secret", arguments: SignatureAlgorithm.allCases.filter { !$0.isSymmetric })
    func confusion(algorithm: SignatureAlgorithm) {
        let signer = TestSigner.of(algorithm)
        for form in [Array(signer.pem.utf8), signer.der, []] {
            for hash in VerificationKey.secret([]).algorithms {
                let code = TestSigner.code(of: Self.text, secret: form, by: hash)
                #expect(!Self.key(algorithm).accepts(code, of: Self.text, by: hash))
                #expect(!Self.key(algorithm).accepts(code, of: Self.text, by: algorithm))
            }
        }
    }

    @Test("many threads check with one key at once")
    func threads() async {
        let keys = [SignatureAlgorithm.hs256, .rs256, .ps256, .es256, .es384, .edDSA].map { algorithm in
            (Self.key(algorithm), algorithm, Self.signature(algorithm))
        }
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for (key, algorithm, signature) in keys {
                        for _ in 0..<20 {
                            #expect(key.accepts(signature, of: Self.text, by: algorithm))
                            #expect(!key.accepts(signature, of: Self.text + [1], by: algorithm))
                        }
                    }
                }
            }
        }
    }

    private func bytes(_ digits: String) -> [UInt8]? {
        let digits = Array(digits)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...($0 + 1)]), radix: 16) ?? 0 }
    }
}
