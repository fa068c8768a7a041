import Cryptography
import Pipeline

/// Tells who has a key or token.
final class Authenticator: Sendable {
    private let keys: [(key: Secret, credential: ClientCredential)]
    private let credentials: [TextDigest: ClientCredential]
    let tokens: TokenVerifier?

    /// The keys of tokens that are asked for at an address, where they are.
    var issuerKeys: IssuerKeys? { tokens?.issuerKeys }

    /// - Parameter tokens: Reads JSON Web Tokens, where those are taken.
    init(keys: [APIKey], tokens: TokenVerifier? = nil) {
        self.tokens = tokens
        self.keys = keys.map { key in
            let identity = Identity(
                userID: key.user ?? Identity.userID(ofKey: key.key), username: key.user, isOperator: key.isOperator)
            return (key.key, ClientCredential(identity, .key(TextDigest(key.key.revealed)), at: .now))
        }
        let digests = zip(keys.map { TextDigest($0.key.revealed) }, self.keys.map(\.credential))
        credentials = Dictionary(digests) { first, _ in first }
    }

    /// Who somebody is that shows a key or token.
    func identity(for token: String, at now: Timestamp = .now) throws(AuthFailure) -> Identity {
        try credential(for: token, at: now).identity
    }

    /// The same, with what was shown.
    func credential(for token: String, at now: Timestamp = .now) throws(AuthFailure) -> ClientCredential {
        var found: ClientCredential?
        // Every key is compared, whichever fits, so that the time says nothing.
        for (key, credential) in keys where key.is(token) { found = found ?? credential }
        if let found { return found }
        return ClientCredential(try identity(ofToken: token, at: now), .token(Secret(token)), at: now)
    }

    /// Whether what was shown to another authenticator is good here, too, for the same user.
    func admits(_ credential: ClientCredential) -> Bool {
        switch credential.proof {
        case .key(let digest): return credentials[digest].map { credential.isOf($0.identity) } ?? false
        case .token(let token):
            // That it has expired since is looked at elsewhere.
            return (try? presumedIdentity(ofToken: token.revealed, at: credential.time)).map(credential.isOf) ?? false
        }
    }

    /// Whether what was shown is an operator's.
    func isOperator(_ credential: ClientCredential) -> Bool {
        switch credential.proof {
        case .key(let digest): credentials[digest]?.identity.isOperator ?? false
        case .token(let token):
            (try? presumedIdentity(ofToken: token.revealed, at: credential.time))?.isOperator ?? false
        }
    }

    /// Where its signature can't be checked now, that is done once it can; what it says counts meanwhile.
    private func presumedIdentity(ofToken token: String, at time: Timestamp) throws(AuthFailure) -> Identity {
        guard let tokens else { throw .invalid }
        do throws(AuthFailure) { return try tokens.identity(of: token, at: time) } catch {
            guard case .keysUnavailable = error else { throw error }
            return try tokens.claimedIdentity(of: token, at: time)
        }
    }

    private func identity(ofToken token: String, at time: Timestamp) throws(AuthFailure) -> Identity {
        guard let tokens else { throw .invalid }
        return try tokens.identity(of: token, at: time)
    }

    /// What must be answered before it can be said who somebody is; `nil` where that is known now.
    func question(about token: String) -> Task<Void, Never>? {
        // Some take a token as a key, as Supabase does.
        keys.contains { $0.key.is(token) } ? nil : tokens?.question(about: token)
    }
}

extension Secret {
    fileprivate func `is`(_ text: String) -> Bool {
        SecretComparison.isEqual(Array(text.utf8), to: Array(revealed.utf8))
    }
}
