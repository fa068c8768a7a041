import COpenSSL

/// The forms in which keys come, each brought into DER, so that libcrypto reads all in one way.
extension PublicKey {
    private static let idRSA: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
    private static let idEC: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
    private static let idP256: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]
    private static let idP384: [UInt8] = [0x2B, 0x81, 0x04, 0x00, 0x22]
    private static let idEd25519: [UInt8] = [0x2B, 0x65, 0x70]

    /// RSA by its numbers, the first byte first; zeros in front of them don't matter.
    package convenience init?(modulus: [UInt8], exponent: [UInt8]) {
        self.init(pkcs1: DER.sequence([DER.integer(modulus), DER.integer(exponent)]))
    }

    /// RSA's two numbers in DER (RFC 8017 appendix A.1.1).
    private convenience init?(pkcs1 key: [UInt8]) {
        self.init(der: DER.publicKey(of: [DER.identifier(PublicKey.idRSA), DER.null], key))
    }

    /// A point of P-256 or P-384, each coordinate with all its bytes (RFC 7518 section 6.2.1.2).
    package convenience init?(_ kind: Kind, x: [UInt8], y: [UInt8]) {
        guard let size = kind.coordinateSize, x.count == size, y.count == size else { return nil }
        let curve = DER.identifier(kind == .p256 ? PublicKey.idP256 : PublicKey.idP384)
        self.init(der: DER.publicKey(of: [DER.identifier(PublicKey.idEC), curve], [4] + x + y))
    }

    /// A key of Ed25519 (RFC 8037 section 2).
    package convenience init?(ed25519 point: [UInt8]) {
        guard point.count == 32 else { return nil }
        self.init(der: DER.publicKey(of: [DER.identifier(PublicKey.idEd25519)], point))
    }

    /// The first public key or certificate of a text in PEM. Of a certificate the key alone counts: nobody is asked whether
    /// it is still good.
    package convenience init?(pem text: String) {
        defer { ERR_clear_error() }
        let block = Array(text.utf8).withUnsafeBytes { bytes -> (name: String, content: [UInt8])? in
            guard let input = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(input) }
            while let block = PublicKey.nextBlock(of: input) {
                if ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"].contains(block.name) { return block }
            }
            return nil
        }
        switch block?.name {
        case "PUBLIC KEY": self.init(der: block?.content ?? [])
        case "RSA PUBLIC KEY": self.init(pkcs1: block?.content ?? [])
        case "CERTIFICATE": self.init(owning: PublicKey.key(ofCertificate: block?.content ?? []))
        default: return nil
        }
    }

    private static func nextBlock(of input: OpaquePointer) -> (name: String, content: [UInt8])? {
        var (name, header): (UnsafeMutablePointer<CChar>?, UnsafeMutablePointer<CChar>?) = (nil, nil)
        var (content, count): (UnsafeMutablePointer<UInt8>?, Int) = (nil, 0)
        defer {
            openssl_free(name)
            openssl_free(header)
            openssl_free(content)
        }
        guard PEM_read_bio(input, &name, &header, &content, &count) == 1, let name else { return nil }
        return (String(cString: name), Array(UnsafeBufferPointer(start: content, count: count)))
    }

    private static func key(ofCertificate content: [UInt8]) -> OpaquePointer? {
        content.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            guard let certificate = d2i_X509(nil, &position, bytes.count) else { return nil }
            defer { X509_free(certificate) }
            return X509_get_pubkey(certificate)
        }
    }
}
