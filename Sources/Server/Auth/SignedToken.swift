import Cryptography
import Pipeline

/// A token's parts (RFC 7515 section 7.1), before anybody has signed for them.
struct SignedToken {
    /// What the token says that it is signed by; `nil` where that is none that is known here.
    let algorithm: SignatureAlgorithm?
    /// The key that it names. Addresses and keys in the header (`jku`, `x5u`, `jwk`, `x5c`) are the sender's word, and are
    /// not read.
    let keyID: String?
    let claims: Substring.UTF8View
    private let text: [UInt8]
    private let signature: [UInt8]

    /// - Parameter token: `nil` where it is none. The header is read in one pass, whatever it holds.
    init?(_ token: String) {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let signature = Base64URL.decode(parts[2]),
            let members = try? JSONReader.members(["alg", "kid", "crit"], of: header),
            // Extensions that a reader must know: none is known here.
            case .string(let algorithm) = members["alg"], members["crit"] == nil
        else { return nil }
        switch members["kid"] {
        case nil, .null: keyID = nil
        case .string(let text): keyID = text
        default: return nil
        }
        (self.algorithm, claims, self.signature) = (SignatureAlgorithm(rawValue: algorithm), parts[1], signature)
        text = Array(token.utf8.prefix(parts[0].count + 1 + parts[1].count))
    }

    /// Whether an issuer can have signed it with a key that it publishes.
    var namesPublicKey: Bool { algorithm?.isSymmetric == false }

    /// Whether one of the keys that may be meant has signed it.
    func isSigned(by keys: [TokenVerifier.Key]) -> Bool {
        guard let algorithm else { return false }
        return keys.contains { key in
            guard key.algorithms.contains(algorithm), key.id == nil || keyID == nil || key.id.isExactly(keyID) else {
                return false
            }
            return key.key.accepts(signature, of: text, by: algorithm)
        }
    }
}
