import Pipeline

/// What the host reads from files before it serves: whom it knows, and what it shows of itself.
struct HostCredentials: Sendable {
    /// `nil` where anybody may come in.
    var authenticator: Authenticator?
    /// `nil` where TLS is not spoken.
    var certificates: TLSCertificates?

    init() {}

    init(_ settings: HostSettings) async throws(FileProblem) {
        if let credentials = settings.auth.credentials {
            var tokens: TokenVerifier?
            if let jwt = credentials.jwt { tokens = try await TokenVerifier(jwt) }
            authenticator = Authenticator(keys: credentials.keys, tokens: tokens)
        }
        if let tls = settings.tls { certificates = try TLSCertificates(tls) }
    }
}
