import COpenSSL

/// What a signature is checked with.
package enum VerificationKey: Sendable {
    case secret([UInt8])
    case publicKey(PublicKey)

    /// The algorithms of its kind, the most common one first. No other is ever tried with it, whatever a token asks for: the
    /// bytes of a public key are no secret.
    package var algorithms: [SignatureAlgorithm] {
        switch self {
        case .secret: [.hs256, .hs384, .hs512]
        case .publicKey(let key): key.kind.algorithms
        }
    }

    /// Whether a signature is that of a text. One of the wrong length is a wrong one.
    package func accepts(_ signature: [UInt8], of text: [UInt8], by algorithm: SignatureAlgorithm) -> Bool {
        guard algorithms.contains(algorithm) else { return false }
        switch self {
        case .secret(let secret): return VerificationKey.accepts(signature, of: text, by: algorithm, secret: secret)
        case .publicKey(let key): return key.accepts(signature, of: text, by: algorithm)
        }
    }

    /// HMAC (RFC 2104) of a secret of any length.
    private static func accepts(
        _ signature: [UInt8], of text: [UInt8], by algorithm: SignatureAlgorithm, secret: [UInt8]
    ) -> Bool {
        defer { ERR_clear_error() }
        guard let hash = algorithm.hash, let length = Int32(exactly: secret.count) else { return false }
        var code = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var codeLength: UInt32 = 0
        guard HMAC(hash.function, secret, length, text, text.count, &code, &codeLength) != nil else { return false }
        return SecretComparison.isEqual(signature, to: Array(code.prefix(Int(codeLength))))
    }
}
