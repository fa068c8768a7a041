import COpenSSL

/// Compares what must not be guessed byte by byte.
package enum SecretComparison {
    /// Whether a text is the secret. It takes the same time for every text of the same length, however much of it is right,
    /// and however long the secret is.
    package static func isEqual(_ text: [UInt8], to secret: [UInt8]) -> Bool {
        let hasLength = text.count == secret.count
        // A text of another length is compared to itself.
        return CRYPTO_memcmp(hasLength ? secret : text, text, text.count) == 0 && hasLength
    }
}
