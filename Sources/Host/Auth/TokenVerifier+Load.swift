import JWTKit
import Pipeline

extension TokenVerifier {
    /// Reads the keys that the settings name; those of an address are asked for once ``IssuerKeys/start()`` is called.
    ///
    /// - Parameter former: What had keys before. Those of the same address are kept.
    init(_ settings: JWTSettings, replacing former: IssuerKeys? = nil) async throws(FileProblem) {
        let source: Source
        if let file = settings.publicKey {
            source = .fixed([try await TokenVerifier.key(in: file)])
        } else if case .file(let file) = settings.jwks {
            source = .fixed(try await TokenVerifier.keySet(in: file))
        } else if case .address(let address) = settings.jwks {
            let kept = former.flatMap { $0.address.text.isExactly(address.text) ? $0 : nil }
            source = .issuer(kept ?? IssuerKeys(address))
        } else {
            // A short secret was warned of. HMAC fills it up with zeros itself (RFC 2104 section 2), but JWTKit's debug
            // build stops the process.
            var secret = Array((settings.secret?.revealed ?? "").utf8)
            secret += Array(repeating: 0, count: max(0, 32 - secret.count))
            let collection = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
            source = .fixed(await [TokenVerifier.key(of: collection)].compactMap(\.self))
        }
        self.init(
            source, issuer: settings.issuer, audience: settings.audience, usernameClaim: settings.usernameClaim)
    }

    private static func key(in file: FilePath) async throws(FileProblem) -> Key {
        let pem = try file.contents()
        guard !pem.contains("PRIVATE KEY") else {
            throw file.problem("holds a private key, which the host must not have; give it the public one")
        }
        let collection = JWTKeyCollection()
        if let key = try? ES256PublicKey(pem: pem) {
            await collection.add(ecdsa: key)
        } else if let key = try? Insecure.RSA.PublicKey(pem: pem) {
            await collection.add(rsa: key, digestAlgorithm: .sha256)
        }
        guard let key = await key(of: collection) else {
            throw file.problem("has no public key of RSA (2048 bits or more) or of the curve P-256 in PEM")
        }
        return key
    }

    private static func key(of collection: JWTKeyCollection) async -> Key? {
        guard let algorithm = try? await collection.getKey() else { return nil }
        return Key(id: nil, algorithm: algorithm)
    }

    private static func keySet(in file: FilePath) async throws(FileProblem) -> [Key] {
        guard let set = await KeySet(try file.contents().utf8) else {
            throw file.problem("is no JSON Web Key Set: {\"keys\": […]}")
        }
        guard !set.keys.isEmpty else { throw file.problem("has no key for RS256 or ES256") }
        return set.keys
    }
}
