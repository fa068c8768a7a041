import COpenSSL

/// A hash function of libcrypto.
package struct Hash: Sendable {
    /// The function, which is fetched once and kept: to look it up costs more than to hash a short text.
    nonisolated(unsafe) let function: OpaquePointer?

    /// Protects nothing any more; the WebSocket handshake asks for it (RFC 6455 section 4.2.2).
    package static let sha1 = Hash("SHA1")
    package static let sha256 = Hash("SHA2-256")
    static let sha384 = Hash("SHA2-384")
    static let sha512 = Hash("SHA2-512")

    private init(_ name: String) {
        function = EVP_MD_fetch(nil, name, nil)
        precondition(function != nil, "libcrypto has no \(name): its default provider is missing")
    }

    /// The digest of bytes that are there whole.
    package func digest(of bytes: [UInt8]) -> [UInt8] {
        var hashing = Hashing(self)
        bytes.withUnsafeBytes { hashing.add($0) }
        return hashing.digest()
    }
}

extension Sequence<UInt8> {
    /// Two digits for each byte, in small letters.
    package var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}

/// The work on one digest, whose bytes come in pieces.
///
/// A hash can fail only where there is no memory left, which ends a program in Swift anyway.
package struct Hashing: ~Copyable {
    private let context: OpaquePointer

    package init(_ hash: Hash) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, hash.function, nil) == 1 else {
            preconditionFailure("libcrypto can't begin a digest")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds the next piece.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        precondition(
            EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "libcrypto can't go on with a digest")
    }

    /// The digest of all pieces.
    package mutating func digest() -> [UInt8] {
        let context = context
        return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { bytes, count in
            var length: UInt32 = 0
            precondition(EVP_DigestFinal_ex(context, bytes.baseAddress, &length) == 1, "libcrypto can't end a digest")
            count = Int(length)
        }
    }
}
