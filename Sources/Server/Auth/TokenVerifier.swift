import Cryptography
import Pipeline

/// Reads JSON Web Tokens (RFC 7519).
struct TokenVerifier: Sendable {
    /// A key, and the only algorithms that it is used with: a token can't choose another for it.
    struct Key: Sendable {
        let id: String?
        let key: VerificationKey
        let algorithms: [SignatureAlgorithm]

        /// - Parameter algorithm: The only one, where the issuer says so; otherwise any that the key is for.
        init(id: String?, key: VerificationKey, algorithm: SignatureAlgorithm? = nil) {
            (self.id, self.key, algorithms) = (id, key, algorithm.map { [$0] } ?? key.algorithms)
        }
    }

    /// Where keys come from.
    enum Source: Sendable {
        /// Keys that were read from a file.
        case fixed([Key])
        /// Keys that an issuer is asked for.
        case issuer(IssuerKeys)
    }

    let source: Source
    let issuer: String?
    let audience: String?
    let usernameClaim: String

    /// The keys that are asked for, where they are.
    var issuerKeys: IssuerKeys? { if case .issuer(let keys) = source { keys } else { nil } }

    init(keys: [Key], issuer: String?, audience: String?, usernameClaim: String) {
        self.init(.fixed(keys), issuer: issuer, audience: audience, usernameClaim: usernameClaim)
    }

    init(_ source: Source, issuer: String?, audience: String?, usernameClaim: String) {
        (self.source, self.issuer, self.audience, self.usernameClaim) = (source, issuer, audience, usernameClaim)
    }

    /// Who the token is about.
    func identity(of token: String, at now: Timestamp) throws(AuthFailure) -> Identity {
        guard let token = SignedToken(token) else { throw .invalid }
        try check(token)
        return try identity(by: token.claims, at: now)
    }

    /// Who the token says that it is about, whoever has signed it.
    ///
    /// - Throws: Where it lets nobody in by any key that there may be.
    func claimedIdentity(of token: String, at now: Timestamp) throws(AuthFailure) -> Identity {
        guard let token = SignedToken(token) else { throw .invalid }
        if issuerKeys != nil, !token.namesPublicKey { throw .invalid }
        return try identity(by: token.claims, at: now)
    }

    private func check(_ token: SignedToken) throws(AuthFailure) {
        switch source {
        case .fixed(let keys): guard token.isSigned(by: keys) else { throw .invalid }
        case .issuer(let issuer):
            let state = issuer.state
            guard let keys = state.keys else { throw .keysUnavailable(retryAfter: state.retryAfter) }
            guard token.namesPublicKey else { throw .invalid }
            guard !token.isSigned(by: keys) else { return }
            // It may name a key that is newer than the last answer.
            let isUnknown = token.keyID.map { id in !keys.contains { $0.id.isExactly(id) } } ?? false
            throw isUnknown && state.isFailing ? .keysUnavailable(retryAfter: state.retryAfter) : .invalid
        }
    }

    /// The issuer's answer that a token needs, as its key is not known; `nil` where the token can be judged now, and where
    /// the issuer was asked a moment ago.
    func question(about token: String) -> Task<Void, Never>? {
        guard case .issuer(let issuer) = source, let token = SignedToken(token), token.namesPublicKey else {
            return nil
        }
        guard let keys = issuer.state.keys else { return issuer.askForUnknownKey() }
        if let id = token.keyID, keys.contains(where: { $0.id.isExactly(id) }) { return nil }
        return token.isSigned(by: keys) ? nil : issuer.askForUnknownKey()
    }

    private func identity(by part: Substring.UTF8View, at time: Timestamp) throws(AuthFailure) -> Identity {
        guard let claims = TokenVerifier.claims(part) else { throw .invalid }
        let now = Double(time.microseconds) / 1e6
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
        var identity = Identity(userID: subject, expires: expires, isOperator: claims["operator"] == .bool(true))
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

    private static func claims(_ part: Substring.UTF8View) -> [String: JSONValue]? {
        let value = Base64URL.decode(part)?.withUnsafeBytes { try? JSONReader.value(of: $0) }
        guard case .object(let claims) = value else { return nil }
        return claims
    }
}
