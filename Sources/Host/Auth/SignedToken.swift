import JWTKit
import Pipeline

/// A token's parts (RFC 7515 section 7.1), before anybody has signed for them.
struct SignedToken {
    let algorithm: String
    /// The key that it names. Addresses and keys in the header (`jku`, `x5u`, `jwk`, `x5c`) are the sender's word, and are
    /// not read.
    let keyID: String?
    let claims: Substring
    private let text: String
    private let signature: [UInt8]

    /// - Parameter token: `nil` where it is none. The header is read in one pass, whatever it holds.
    init?(_ token: String) {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]), let signature = Base64URL.decode(parts[2]),
            let members = try? JSONReader.members(["alg", "kid", "crit"], of: header),
            // Extensions that a reader must know: none is known here.
            case .string(let algorithm) = members["alg"], members["crit"] ?? .null == .null
        else { return nil }
        switch members["kid"] {
        case nil, .null: keyID = nil
        case .string(let text): keyID = text
        default: return nil
        }
        (self.algorithm, claims, self.signature) = (algorithm, parts[1], signature)
        text = "\(parts[0]).\(parts[1])"
    }

    /// Whether one of the keys that may be meant has signed it.
    func isSigned(by keys: [TokenVerifier.Key]) -> Bool {
        keys.contains { key in
            guard key.algorithm.name == algorithm, key.id == nil || keyID == nil || key.id.isExactly(keyID) else {
                return false
            }
            // A signature of the wrong size is an error of the algorithm, and a wrong signature.
            return (try? key.algorithm.verify(signature, signs: Array(text.utf8))) ?? false
        }
    }
}
