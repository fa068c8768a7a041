import COpenSSL

/// A public key that signatures are checked with. Any number of threads may use one at once: it is never changed, and
/// libcrypto allows that.
package final class PublicKey: Sendable {
    /// What there may be.
    package enum Kind: Sendable {
        case rsa
        /// RSA that is for RSASSA-PSS alone (RFC 4055).
        case rsaPSS
        case p256
        case p384
        case ed25519

        /// The algorithms that such a key is for, the most common one first.
        package var algorithms: [SignatureAlgorithm] {
            switch self {
            case .rsa: [.rs256, .rs384, .rs512, .ps256]
            case .rsaPSS: [.ps256]
            case .p256: [.es256]
            case .p384: [.es384]
            case .ed25519: [.edDSA]
            }
        }

        /// How many bytes a coordinate of the curve has, where it is one of ECDSA.
        var coordinateSize: Int? {
            switch self {
            case .p256: 32
            case .p384: 48
            case .rsa, .rsaPSS, .ed25519: nil
            }
        }
    }

    package let kind: Kind
    nonisolated(unsafe) private let key: OpaquePointer

    /// A key in DER, as a certificate has it (SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7); `nil` where it is none, or not
    /// one of a ``Kind``, or can't be used.
    package convenience init?(der: [UInt8]) {
        defer { ERR_clear_error() }
        let key = der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            guard let start = bytes.baseAddress else { return nil }
            var position: UnsafePointer<UInt8>? = start
            let key: OpaquePointer? = d2i_PUBKEY(nil, &position, bytes.count)
            guard position == start + bytes.count else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
        self.init(owning: key)
    }

    /// - Parameter key: What belongs to this object from now on, also where it can't be used.
    init?(owning key: OpaquePointer?) {
        guard let key else { return nil }
        guard let kind = Kind(of: key) else {
            EVP_PKEY_free(key)
            return nil
        }
        (self.kind, self.key) = (kind, key)
    }

    deinit { EVP_PKEY_free(key) }

    /// Whether a signature is that of a text, by an algorithm of this kind of key.
    func accepts(_ signature: [UInt8], of text: [UInt8], by algorithm: SignatureAlgorithm) -> Bool {
        defer { ERR_clear_error() }
        guard let signature = encoded(signature), let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        var options: OpaquePointer?
        guard EVP_DigestVerifyInit(context, &options, algorithm.hash?.function, nil, key) == 1 else { return false }
        // RFC 7518 section 3.5: the salt is as long as the hash; the mask's hash is that of the text by itself.
        if algorithm == .ps256 {
            guard EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1
            else { return false }
        }
        return EVP_DigestVerify(context, signature, signature.count, text, text.count) == 1
    }

    /// A signature as libcrypto reads it. In a token, that of ECDSA is two numbers of fixed length, one behind the other
    /// (RFC 7518 section 3.4).
    private func encoded(_ signature: [UInt8]) -> [UInt8]? {
        guard let size = kind.coordinateSize else { return signature }
        guard signature.count == 2 * size else { return nil }
        return DER.sequence([DER.integer(signature.prefix(size)), DER.integer(signature.suffix(size))])
    }
}
