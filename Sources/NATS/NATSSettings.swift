/// Where NATS is and how to get in.
package struct NATSSettings: Sendable, Hashable {
    /// What TLS needs beyond the certificates that the system trusts: paths of files in PEM.
    package struct TLS: Sendable, Hashable {
        /// Who signs the server's certificate.
        package var authority: String?
        /// The client's own certificate.
        package var certificate: String?
        /// The key of it.
        package var key: String?

        package init(authority: String? = nil, certificate: String? = nil, key: String? = nil) {
            (self.authority, self.certificate, self.key) = (authority, certificate, key)
        }
    }

    /// Addresses, such as `nats://127.0.0.1:4222`; any of a cluster's is enough.
    package var servers: [String]
    /// What the server calls the connection.
    package var name: String
    /// The path of a file with a token and a seed.
    package var credentials: String?
    /// `nil` where TLS is used only if an address or the server asks for it.
    package var tls: TLS?

    package init(servers: [String], name: String = "stagecoach", credentials: String? = nil, tls: TLS? = nil) {
        (self.servers, self.name, self.credentials, self.tls) = (servers, name, credentials, tls)
    }

    /// How often the server is asked for a sign of life.
    static let ping: Int32 = 2_000
    /// After how many unanswered ones the connection counts as lost.
    static let unansweredPings: Int32 = 2
    static let connectTimeout: Int32 = 2_000
    static let reconnectWait: Int32 = 250
    static let reconnectJitter: Int32 = 500
}
