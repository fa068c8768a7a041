import Cryptography
import Pipeline

/// A JSON Web Key Set (RFC 7517), as far as it can be used: its public keys for signatures. What else it holds is passed over,
/// as section 5 wants it.
struct KeySet: Sendable {
    /// The algorithms that keys of a set are used with.
    private static let algorithms = SignatureAlgorithm.allCases.filter { !$0.isSymmetric }

    /// The same in words: `RS256, ES256 or EdDSA`.
    static let algorithmNames = {
        let names = algorithms.map(\.rawValue)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }()

    let keys: [TokenVerifier.Key]
    private let passedOver: [Reason: Int]

    /// Why a key is not used.
    private enum Reason: CaseIterable {
        case symmetric
        case otherUse
        case otherAlgorithm
        case broken

        var words: String {
            switch self {
            case .symmetric: "symmetric (oct), which whoever reads the set could sign with"
            case .otherUse: "for something else than signatures"
            case .otherAlgorithm: "for other algorithms than \(KeySet.algorithmNames)"
            case .broken: "that can't be used: a value that is none, or RSA with less than 2048 bits"
            }
        }
    }

    /// - Parameter json: The document; `nil` where it is no key set.
    init?(_ json: some Sequence<UInt8>) {
        var bytes = Array(json)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        guard case .object(let set) = bytes.withUnsafeBytes({ try? JSONReader.value(of: $0) }),
            case .array(let all) = set["keys"]
        else { return nil }
        var (keys, passedOver): ([TokenVerifier.Key], [Reason: Int]) = ([], [:])
        for value in all {
            do throws(Refused) {
                keys.append(try KeySet.key(value))
            } catch {
                passedOver[error.reason, default: 0] += 1
            }
        }
        (self.keys, self.passedOver) = (keys, passedOver)
    }

    /// What it has, in words for people: `2 keys for RS256, 1 key for ES256`. Of a key whose issuer names no algorithm, the
    /// most common one of its kind is named.
    var contents: String {
        let counts = KeySet.algorithms.compactMap { algorithm in
            let count = keys.count { $0.algorithms.first == algorithm }
            return count == 0 ? nil : "\(count) key\(count == 1 ? "" : "s") for \(algorithm.rawValue)"
        }
        return counts.isEmpty ? "no key for \(KeySet.algorithmNames)" : counts.joined(separator: ", ")
    }

    /// What is passed over, and why; `nil` where everything is used.
    var notes: String? {
        let parts = Reason.allCases.compactMap { reason in passedOver[reason].map { "\($0) \(reason.words)" } }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// Whether there is something among that which its issuer should mend.
    var hasFaults: Bool { passedOver[.symmetric] != nil || passedOver[.broken] != nil }

    private struct Refused: Error {
        let reason: Reason
    }

    private static func key(_ value: JSONValue) throws(Refused) -> TokenVerifier.Key {
        guard case .object(let object) = value, case .string(let type) = object["kty"] else {
            throw Refused(reason: .broken)
        }
        guard type != "oct" else { throw Refused(reason: .symmetric) }
        guard isForSignatures(object) else { throw Refused(reason: .otherUse) }
        guard let kind = kind(type, object["crv"]) else { throw Refused(reason: .otherAlgorithm) }
        let algorithm = try algorithm(object["alg"] ?? .null, of: kind)
        let id: String?
        switch object["kid"] ?? .null {
        case .null: id = nil
        case .string(let text): id = text
        default: throw Refused(reason: .broken)
        }
        guard let key = publicKey(kind, object) else { throw Refused(reason: .broken) }
        return TokenVerifier.Key(id: id, key: .publicKey(key), algorithm: algorithm)
    }

    private static func isForSignatures(_ object: [String: JSONValue]) -> Bool {
        if let use = object["use"], use != .null, use != .string("sig") { return false }
        guard case .array(let operations) = object["key_ops"] else { return true }
        return operations.contains(.string("verify"))
    }

    private static func kind(_ type: String, _ curve: JSONValue?) -> PublicKey.Kind? {
        switch (type, curve) {
        case ("RSA", _): .rsa
        case ("EC", .string("P-256")): .p256
        case ("EC", .string("P-384")): .p384
        case ("OKP", .string("Ed25519")): .ed25519
        default: nil
        }
    }

    /// The only algorithm that a key is for; `nil` where its issuer does not say.
    private static func algorithm(
        _ name: JSONValue, of kind: PublicKey.Kind
    ) throws(Refused) -> SignatureAlgorithm? {
        guard name != .null else { return nil }
        guard let algorithm = kind.algorithms.first(where: { name == .string($0.rawValue) }) else {
            throw Refused(reason: .otherAlgorithm)
        }
        return algorithm
    }

    /// Of a key only what is public and needed: a private part would make it a key to sign with, and a certificate or an
    /// address in it is nobody's word here.
    private static func publicKey(_ kind: PublicKey.Kind, _ object: [String: JSONValue]) -> PublicKey? {
        func bytes(_ name: String) -> [UInt8]? {
            guard case .string(let text) = object[name] else { return nil }
            return Base64URL.decode(text.utf8)
        }
        switch kind {
        case .rsa, .rsaPSS:
            guard let modulus = bytes("n"), let exponent = bytes("e") else { return nil }
            return PublicKey(modulus: modulus, exponent: exponent)
        case .p256, .p384:
            guard let x = bytes("x"), let y = bytes("y") else { return nil }
            return PublicKey(kind, x: x, y: y)
        case .ed25519: return bytes("x").flatMap { PublicKey(ed25519: $0) }
        }
    }
}
