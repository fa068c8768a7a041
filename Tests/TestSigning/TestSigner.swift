import COpenSSL
package import Cryptography

/// A key that signs, as an issuer has it, made anew in each run.
package struct TestSigner: Sendable {
    package static let rsa = TestSigner("RSA") { EVP_PKEY_CTX_set_rsa_keygen_bits($0, 2048) }
    package static let p256 = TestSigner("EC") { EVP_PKEY_CTX_set_group_name($0, "P-256") }
    package static let p384 = TestSigner("EC") { EVP_PKEY_CTX_set_group_name($0, "P-384") }
    package static let ed25519 = TestSigner("ED25519") { _ in 1 }

    /// The signer of an algorithm with a public key.
    package static func of(_ algorithm: SignatureAlgorithm) -> TestSigner {
        switch algorithm {
        case .es256: p256
        case .es384: p384
        case .edDSA: ed25519
        default: rsa
        }
    }

    nonisolated(unsafe) private let key: OpaquePointer

    private init(_ name: String, _ options: (OpaquePointer) -> Int32) {
        guard let context = EVP_PKEY_CTX_new_from_name(nil, name, nil) else { preconditionFailure("no \(name)") }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, options(context) == 1, EVP_PKEY_generate(context, &key) == 1, let key
        else { preconditionFailure("no key of \(name)") }
        self.key = key
    }

    /// The public key, as a certificate has it.
    package var der: [UInt8] {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = i2d_PUBKEY(key, &bytes)
        defer { openssl_free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    /// The same in PEM.
    package var pem: String {
        let output = BIO_new(BIO_s_mem())
        defer { BIO_free(output) }
        PEM_write_bio_PUBKEY(output, key)
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = BIO_read(output, &bytes, Int32(bytes.count))
        return String(decoding: bytes.prefix(Int(count)), as: UTF8.self)
    }

    package var publicKey: PublicKey {
        guard let key = PublicKey(der: der) else { preconditionFailure("the public key is none") }
        return key
    }

    /// What an issuer signs with this key.
    ///
    /// - Parameter salt: How many bytes of salt PS256 takes.
    package func sign(_ text: [UInt8], by algorithm: SignatureAlgorithm, salt: Int32 = 32) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var options: OpaquePointer?
        precondition(EVP_DigestSignInit(context, &options, algorithm.function, nil, key) == 1)
        if algorithm == .ps256 {
            precondition(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1)
            precondition(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt) == 1)
        }
        var (signature, count) = ([UInt8](repeating: 0, count: 1_024), 1_024)
        precondition(EVP_DigestSign(context, &signature, &count, text, text.count) == 1)
        signature.removeSubrange(count...)
        switch algorithm {
        case .es256: return TestSigner.numbers(signature, size: 32)
        case .es384: return TestSigner.numbers(signature, size: 48)
        default: return signature
        }
    }

    /// What whoever has the secret signs.
    package static func code(of text: [UInt8], secret: [UInt8], by algorithm: SignatureAlgorithm) -> [UInt8] {
        var (code, count): ([UInt8], UInt32) = ([UInt8](repeating: 0, count: 64), 0)
        precondition(HMAC(algorithm.function, secret, Int32(secret.count), text, text.count, &code, &count) != nil)
        return Array(code.prefix(Int(count)))
    }

    /// The two numbers of DER's sequence with their fixed size.
    private static func numbers(_ der: [UInt8], size: Int) -> [UInt8] {
        var (position, numbers) = (2, [UInt8]())
        for _ in 0..<2 {
            let count = Int(der[position + 1])
            let digits = der[(position + 2)..<(position + 2 + count)].drop { $0 == 0 }
            numbers += [UInt8](repeating: 0, count: size - digits.count) + digits
            position += 2 + count
        }
        return numbers
    }
}

extension SignatureAlgorithm {
    fileprivate var function: OpaquePointer? {
        switch self {
        case .edDSA: nil
        case .hs384, .rs384, .es384: EVP_sha384()
        case .hs512, .rs512: EVP_sha512()
        default: EVP_sha256()
        }
    }
}
