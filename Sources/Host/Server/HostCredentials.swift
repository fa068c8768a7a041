import Pipeline

/// What the host reads from files before it serves: whom it knows, and what it shows of itself.
struct HostCredentials: Sendable {
    /// `nil` where anybody may come in.
    var authenticator: Authenticator?
    /// `nil` where TLS is not spoken.
    var certificates: TLSCertificates?

    init() {}

    /// - Parameter former: What was known before. Keys of tokens that were asked for at the same address are kept.
    init(_ settings: HostSettings, replacing former: Authenticator? = nil) async throws(FileProblem) {
        if let credentials = settings.auth.credentials {
            var tokens: TokenVerifier?
            if let jwt = credentials.jwt { tokens = try await TokenVerifier(jwt, replacing: former?.issuerKeys) }
            authenticator = Authenticator(keys: credentials.keys, tokens: tokens)
        }
        if let tls = settings.tls { certificates = try TLSCertificates(tls) }
    }
}
