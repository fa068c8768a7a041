import FoundationEssentials
import JWTKit
import Pipeline

/// A JSON Web Key Set (RFC 7517), as far as it can be used: its public keys for RS256 and ES256. What else it holds is passed
/// over, as section 5 wants it.
struct KeySet: Sendable {
    /// The algorithms that keys of a set are used with.
    static let algorithms: Set = ["RS256", "ES256"]

    let keys: [TokenVerifier.Key]
    private let passedOver: [Reason: Int]

    /// Why a key is not used.
    private enum Reason: String, CaseIterable {
        case symmetric = "symmetric (oct), which whoever reads the set could sign with"
        case otherUse = "for something else than signatures"
        case otherAlgorithm = "for other algorithms than RS256 and ES256"
        case broken = "that can't be used: a value that is none, or RSA with less than 2048 bits"
    }

    /// - Parameter json: The document; `nil` where it is no key set.
    init?(_ json: some Sequence<UInt8>) async {
        var bytes = Array(json)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard case .object(let set) = bytes.withUnsafeBytes({ try? JSONReader.value(of: $0) }),
            case .array(let all) = set["keys"]
        else { return nil }
        var (keys, passedOver): ([TokenVerifier.Key], [Reason: Int]) = ([], [:])
        for value in all {
            switch await KeySet.key(value) {
            case .success(let key): keys.append(key)
            case .failure(let reason): passedOver[reason.reason, default: 0] += 1
            }
        }
        (self.keys, self.passedOver) = (keys, passedOver)
    }

    /// What it has, in words for people: `2 keys for RS256, 1 key for ES256`.
    var contents: String {
        let counts = KeySet.algorithms.sorted(by: >).compactMap { name in
            let count = keys.count { $0.algorithm.name == name }
            return count == 0 ? nil : "\(count) key\(count == 1 ? "" : "s") for \(name)"
        }
        return counts.isEmpty ? "no key for RS256 or ES256" : counts.joined(separator: ", ")
    }

    /// What is passed over, and why; `nil` where everything is used.
    var notes: String? {
        let parts = Reason.allCases.compactMap { reason in passedOver[reason].map { "\($0) \(reason.rawValue)" } }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// Whether there is something among that which its issuer should mend.
    var hasFaults: Bool { passedOver[.symmetric] != nil || passedOver[.broken] != nil }

    private struct Refused: Error {
        let reason: Reason
    }

    private static func key(_ value: JSONValue) async -> Result<TokenVerifier.Key, Refused> {
        guard case .object(let object) = value, case .string(let type) = object["kty"] else {
            return .failure(.init(reason: .broken))
        }
        guard type != "oct" else { return .failure(.init(reason: .symmetric)) }
        guard isForSignatures(object) else { return .failure(.init(reason: .otherUse)) }
        let algorithm = type == "RSA" ? "RS256" : "ES256"
        let named = object["alg"] ?? .null
        guard named == .null || named == .string(algorithm),
            type == "RSA" || type == "EC" && object["crv"] == .string("P-256")
        else { return .failure(.init(reason: .otherAlgorithm)) }
        let id: String?
        switch object["kid"] ?? .null {
        case .null: id = nil
        case .string(let text): id = text
        default: return .failure(.init(reason: .broken))
        }
        guard let key = await self.algorithm(algorithm, object) else { return .failure(.init(reason: .broken)) }
        return .success(TokenVerifier.Key(id: id, algorithm: key))
    }

    private static func isForSignatures(_ object: [String: JSONValue]) -> Bool {
        if let use = object["use"], use != .null, use != .string("sig") { return false }
        guard case .array(let operations) = object["key_ops"] else { return true }
        return operations.contains(.string("verify"))
    }

    /// Of a key only what is public and needed: a private part would make it a key to sign with, and a certificate or an
    /// address in it is nobody's word here.
    private static func algorithm(_ name: String, _ object: [String: JSONValue]) async -> (any JWTAlgorithm)? {
        var jwk: [String: JSONValue] = ["alg": .string(name), "kid": .string("")]
        for part in name == "RS256" ? ["kty", "n", "e"] : ["kty", "crv", "x", "y"] { jwk[part] = object[part] }
        let collection = JWTKeyCollection()
        guard let json = try? JSONEncoder().encode(jwk), let key = try? JSONDecoder().decode(JWK.self, from: json),
            (try? await collection.add(jwk: key)) != nil
        else { return nil }
        return try? await collection.getKey()
    }
}
