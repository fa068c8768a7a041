import JWTKit
import Pipeline

/// Reads JSON Web Tokens (RFC 7519) that are signed with HS256, RS256 or ES256.
struct TokenVerifier: Sendable {
    /// A key, and the only algorithm that it is used with: a token can't choose another for it.
    struct Key: Sendable {
        let id: String?
        let algorithm: any JWTAlgorithm
    }

    let keys: [Key]
    let issuer: String?
    let audience: String?
    let usernameClaim: String

    /// What is read of a token before anybody has signed for it: in one pass, whatever it holds.
    private struct Header {
        let alg: String
        let kid: String?

        init?(_ bytes: [UInt8]) {
            guard let members = try? JSONReader.members(["alg", "kid", "crit"], of: bytes) else { return nil }
            // Extensions that a reader must know: none is known here.
            guard case .string(let alg) = members["alg"], members["crit"] ?? .null == .null else { return nil }
            switch members["kid"] {
            case nil, .null: kid = nil
            case .string(let text): kid = text
            default: return nil
            }
            self.alg = alg
        }
    }

    /// Who the token is about.
    func identity(of token: String, at now: Timestamp) throws(AuthFailure) -> Identity {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64URL.decode(parts[0]).flatMap(Header.init),
            let signature = Base64URL.decode(parts[2]),
            isSigned("\(parts[0]).\(parts[1])", with: signature, header),
            let claims = TokenVerifier.claims(parts[1])
        else { throw .invalid }
        return try identity(by: claims, at: Double(now.microseconds) / 1e6)
    }

    private func isSigned(_ text: String, with signature: [UInt8], _ header: Header) -> Bool {
        keys.contains { key in
            guard key.algorithm.name == header.alg, key.id == nil || header.kid == nil || key.id == header.kid else {
                return false
            }
            // A signature of the wrong size is an error of the algorithm, and a wrong signature.
            return (try? key.algorithm.verify(signature, signs: Array(text.utf8))) ?? false
        }
    }

    private func identity(by claims: [String: JSONValue], at now: Double) throws(AuthFailure) -> Identity {
        let (expires, begins) = try (TokenVerifier.time(claims["exp"]), TokenVerifier.time(claims["nbf"]))
        if let expires, now >= expires { throw .expired }
        if let begins, now < begins { throw .invalid }
        if let issuer, !TokenVerifier.says(issuer, claims["iss"]) { throw .invalid }
        if let audience {
            switch claims["aud"] {
            case .array(let all):
                guard all.contains(where: { TokenVerifier.says(audience, $0) }) else { throw .invalid }
            case let one: guard TokenVerifier.says(audience, one) else { throw .invalid }
            }
        }
        guard case .string(let subject) = claims["sub"], UserName.isValid(subject), !Identity.isUserOfKey(subject)
        else {
            throw .invalid
        }
        var identity = Identity(userID: subject, expires: expires)
        if case .string(let name) = claims[usernameClaim] {
            guard UserName.isValid(name) else { throw .invalid }
            identity.username = name
        }
        return identity
    }

    private static func says(_ text: String, _ claim: JSONValue?) -> Bool {
        if case .string(let said) = claim { said.isExactly(text) } else { false }
    }

    /// Seconds since 1970, which may have a fraction.
    private static func time(_ claim: JSONValue?) throws(AuthFailure) -> Double? {
        switch claim {
        case nil: nil
        case .int(let seconds): Double(seconds)
        case .double(let seconds) where seconds.isFinite: seconds
        default: throw .invalid
        }
    }

    private static func claims(_ part: Substring) -> [String: JSONValue]? {
        let value = Base64URL.decode(part)?.withUnsafeBytes { try? JSONReader.value(of: $0) }
        guard case .object(let claims) = value else { return nil }
        return claims
    }
}
