import Cryptography
import Pipeline

extension TokenVerifier {
    /// Reads the keys that the settings name; those of an address are asked for once ``IssuerKeys/start()`` is called.
    ///
    /// - Parameter former: What had keys before. Those of the same address are kept.
    init(_ settings: JWTSettings, replacing former: IssuerKeys? = nil) throws(FileProblem) {
        let source: Source
        if let file = settings.publicKey {
            source = .fixed([try TokenVerifier.key(in: file)])
        } else if case .file(let file) = settings.jwks {
            source = .fixed(try TokenVerifier.keySet(in: file))
        } else if case .address(let address) = settings.jwks {
            let kept = former.flatMap { $0.address.text.isExactly(address.text) ? $0 : nil }
            source = .issuer(kept ?? IssuerKeys(address))
        } else {
            source = .fixed([Key(id: nil, key: .secret(Array((settings.secret?.revealed ?? "").utf8)))])
        }
        self.init(
            source, issuer: settings.issuer, audience: settings.audience, usernameClaim: settings.usernameClaim)
    }

    private static func key(in file: FilePath) throws(FileProblem) -> Key {
        let pem = try file.contents()
        guard !pem.contains("PRIVATE KEY") else {
            throw file.problem("holds a private key, which the host must not have; give it the public one")
        }
        guard let key = PublicKey(pem: pem) else {
            throw file.problem(
                "has no public key or certificate in PEM of RSA (2048 bits or more), of the curves P-256 and P-384, or of "
                    + "Ed25519")
        }
        return Key(id: nil, key: .publicKey(key))
    }

    private static func keySet(in file: FilePath) throws(FileProblem) -> [Key] {
        guard let set = KeySet(try file.contents().utf8) else {
            throw file.problem("is no JSON Web Key Set: {\"keys\": […]}")
        }
        guard !set.keys.isEmpty else { throw file.problem("has no key for \(KeySet.algorithmNames)") }
        return set.keys
    }
}
