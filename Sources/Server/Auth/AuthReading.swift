import Pipeline

/// Authentication, as `auth:` and the files that it names said when they were last read. What says nothing new stays what it
/// is: who was let in by it is not looked at again.
struct AuthReading: Sendable {
    /// `nil` where there is no authentication.
    private(set) var authenticator: Authenticator?
    /// Whether tokens are judged as they were before.
    private(set) var keepsTokens = true
    /// Why the keys of tokens are those of before.
    private(set) var problem: FileProblem?

    private var keys: TextDigest?
    private var settings: TextDigest?
    private var tokens: TextDigest?

    /// There is no authentication.
    init() {}

    /// - Throws: Where a file can't be used, and its setting is not that of before.
    init(_ setting: AuthSetting, after former: AuthReading = AuthReading()) throws(FileProblem) {
        guard let credentials = setting.credentials else { return }
        keys = TextDigest(credentials.keys.flatMap { $0.texts })
        let verifier = try verifier(credentials.jwt, after: former)
        // Where there was no authentication before, there may be tokens of an `auth` before that.
        keepsTokens = former.authenticator != nil && tokens == former.tokens
        let isSame = keepsTokens && keys == former.keys
        authenticator = isSame ? former.authenticator : Authenticator(keys: credentials.keys, tokens: verifier)
    }

    private mutating func verifier(_ jwt: JWTSettings?, after former: AuthReading) throws(FileProblem) -> TokenVerifier?
    {
        guard let jwt else { return nil }
        settings = jwt.digest
        // Before the verifier reads them: where they change in between they are seen to be others the next time.
        tokens = jwt.digestWithFiles
        if let verifier = former.authenticator?.tokens, tokens == former.tokens { return verifier }
        do throws(FileProblem) {
            return try TokenVerifier(jwt, replacing: former.authenticator?.issuerKeys)
        } catch {
            guard settings == former.settings, let verifier = former.authenticator?.tokens else { throw error }
            (problem, tokens) = (error, former.tokens)
            return verifier
        }
    }
}

extension APIKey {
    /// All that it says.
    fileprivate var texts: [String] {
        [key.revealed, user == nil ? "" : "user", user ?? "", isOperator ? "operator" : ""]
    }
}

extension JWTSettings {
    /// What it says, without what its files hold.
    fileprivate var digest: TextDigest { TextDigest(texts) }

    /// What it says, with what its files hold.
    fileprivate var digestWithFiles: TextDigest {
        TextDigest(texts + keyFiles.map { file in (try? file.contents()) ?? "" })
    }

    private var texts: [String] {
        [secret?.revealed, publicKey?.text, jwks?.text, issuer, audience, usernameClaim]
            .flatMap { [$0 == nil ? "" : "set", $0 ?? ""] }
    }
}
