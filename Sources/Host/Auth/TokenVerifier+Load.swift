import FoundationEssentials
import JWTKit
import Pipeline

extension TokenVerifier {
    /// Reads the keys that the settings name.
    init(_ settings: JWTSettings) async throws(FileProblem) {
        issuer = settings.issuer
        audience = settings.audience
        usernameClaim = settings.usernameClaim
        if let file = settings.publicKey {
            keys = [try await TokenVerifier.key(in: file)]
        } else if let file = settings.jwks {
            keys = try await TokenVerifier.keySet(in: file)
        } else {
            // A short secret was warned of. HMAC fills it up with zeros itself (RFC 2104 section 2), but JWTKit's debug
            // build stops the process.
            var secret = Array((settings.secret?.revealed ?? "").utf8)
            secret += Array(repeating: 0, count: max(0, 32 - secret.count))
            let collection = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
            keys = await [TokenVerifier.key(of: collection)].compactMap(\.self)
        }
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

    /// The keys that can be used; a set may hold others, for encryption or other algorithms.
    private static func keySet(in file: FilePath) async throws(FileProblem) -> [Key] {
        struct KeySet: Decodable {
            let keys: [[String: JSONValue]]
        }
        let contents = try file.contents()
        guard let set = try? JSONDecoder().decode(KeySet.self, from: Data(contents.utf8)) else {
            throw file.problem("is no JSON Web Key Set: {\"keys\": […]}")
        }
        var keys: [Key] = []
        for object in set.keys where object["use"] == nil || object["use"] == .string("sig") {
            if let key = await key(of: object) { keys.append(key) }
        }
        guard !keys.isEmpty else { throw file.problem("has no key for RS256 or ES256") }
        return keys
    }

    private static func key(of object: [String: JSONValue]) async -> Key? {
        let algorithm = object["kty"] == .string("RSA") ? "RS256" : "ES256"
        guard object["alg"] == nil || object["alg"] == .string(algorithm) else { return nil }
        guard object["kty"] == .string("RSA") || object["crv"] == .string("P-256") else { return nil }
        var complete = object
        complete["alg"] = .string(algorithm)
        complete["kid"] = object["kid"] ?? .string("")
        // Only what is public: a private part would make it a key to sign with.
        for part in ["d", "p", "q"] { complete[part] = nil }
        let collection = JWTKeyCollection()
        guard let json = try? JSONEncoder().encode(complete),
            let jwk = try? JSONDecoder().decode(JWK.self, from: json), (try? await collection.add(jwk: jwk)) != nil,
            let key = try? await collection.getKey()
        else { return nil }
        return Key(id: object["kid"]?.text, algorithm: key)
    }
}
