import NIOHTTP1
import Pipeline

/// Tells who has a key or token.
struct Authenticator: Sendable {
    private let keys: [(key: Secret, identity: Identity)]
    private let tokens: TokenVerifier?

    /// The keys of tokens that are asked for at an address, where they are.
    var issuerKeys: IssuerKeys? { tokens?.issuerKeys }

    /// - Parameter tokens: Reads JSON Web Tokens, where those are taken.
    init(keys: [APIKey], tokens: TokenVerifier? = nil) {
        self.tokens = tokens
        self.keys = keys.map { key in
            (key.key, Identity(userID: key.user ?? Identity.userID(ofKey: key.key), username: key.user))
        }
    }

    /// Who somebody is that shows a key or token.
    func identity(for token: String, at now: Timestamp = .now) throws(AuthFailure) -> Identity {
        var found: Identity?
        // Every key is compared, whichever fits, so that the time says nothing.
        for (key, identity) in keys where Authenticator.isEqual(key.revealed, token) { found = found ?? identity }
        if let found { return found }
        guard let tokens else { throw .invalid }
        return try tokens.identity(of: token, at: now)
    }

    /// What must be answered before it can be said who somebody is; `nil` where that is known now.
    func question(about token: String) -> Task<Void, Never>? {
        // Some take a token as a key, as Supabase does.
        keys.contains { Authenticator.isEqual($0.key.revealed, token) } ? nil : tokens?.question(about: token)
    }

    /// Takes the same time for every text of the same length, however much of it is right.
    private static func isEqual(_ key: String, _ text: String) -> Bool {
        let (key, text) = (Array(key.utf8), Array(text.utf8))
        var difference = UInt(bitPattern: key.count ^ text.count)
        for (index, byte) in text.enumerated() { difference |= UInt(byte ^ key[index % key.count]) }
        return difference == 0
    }
}

extension HTTPRejection {
    /// 401, or 503 where it can't be told.
    init(_ failure: AuthFailure) {
        switch failure {
        case .keysUnavailable(let seconds): self = .unavailable(failure.reason, retryAfter: seconds)
        case .missing, .invalid, .expired: self = .unauthorized(failure)
        }
    }

    /// 401, as RFC 6750 section 3 has it.
    static func unauthorized(_ failure: AuthFailure) -> HTTPRejection {
        let problem =
            switch failure {
            case .missing, .keysUnavailable: ""
            case .invalid, .expired: ", error=\"invalid_token\", error_description=\"\(failure.reason)\""
            }
        return HTTPRejection(
            .unauthorized, failure.reason, headers: ["www-authenticate": "Bearer realm=\"stagecoach\"\(problem)"])
    }
}
