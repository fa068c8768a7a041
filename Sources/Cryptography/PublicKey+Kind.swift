import COpenSSL

extension PublicKey.Kind {
    /// What a key is; `nil` where that is nothing of these, or a key that is too weak or no proper one.
    init?(of key: OpaquePointer) {
        if EVP_PKEY_is_a(key, "EC") == 1 {
            guard PublicKey.Kind.isProperPoint(key) else { return nil }
            switch PublicKey.Kind.curve(of: key) {
            case "prime256v1": self = .p256
            case "secp384r1": self = .p384
            default: return nil
            }
        } else if EVP_PKEY_is_a(key, "ED25519") == 1 {
            self = .ed25519
        } else {
            let isForPSS = EVP_PKEY_is_a(key, "RSA-PSS") == 1
            guard isForPSS || EVP_PKEY_is_a(key, "RSA") == 1, PublicKey.Kind.isStrong(rsa: key) else { return nil }
            self = isForPSS ? .rsaPSS : .rsa
        }
    }

    /// At least the 2048 bits of RFC 7518 section 3.3, and no more than libcrypto checks signatures with. The exponent is
    /// bounded, since with a long one a check would take as long as signing does.
    private static func isStrong(rsa key: OpaquePointer) -> Bool {
        PublicKey.Kind.isOddNumber("n", of: key, bits: 2_048...16_384)
            && PublicKey.Kind.isOddNumber("e", of: key, bits: 2...33)
    }

    private static func isOddNumber(_ name: String, of key: OpaquePointer, bits: ClosedRange<Int32>) -> Bool {
        var number: OpaquePointer?
        defer { BN_free(number) }
        guard EVP_PKEY_get_bn_param(key, name, &number) == 1, let number else { return false }
        return BN_is_odd(number) == 1 && bits.contains(BN_num_bits(number))
    }

    /// A curve that is given by its numbers may differ from the one that it resembles (CVE-2020-0601): only those that are
    /// named are taken. The point must be on it, and not the one at infinity, by which anybody could sign.
    private static func isProperPoint(_ key: OpaquePointer) -> Bool {
        var isExplicit: Int32 = 1
        guard EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isExplicit) == 1,
            isExplicit == 0, let context = EVP_PKEY_CTX_new_from_pkey(nil, key, nil)
        else { return false }
        defer { EVP_PKEY_CTX_free(context) }
        return EVP_PKEY_public_check_quick(context) == 1
    }

    private static func curve(of key: OpaquePointer) -> String? {
        var (name, length) = ([CChar](repeating: 0, count: 64), 0)
        guard EVP_PKEY_get_group_name(key, &name, name.count, &length) == 1 else { return nil }
        return String(decoding: name.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
