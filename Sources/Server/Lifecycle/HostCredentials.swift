import Pipeline

/// What the host reads from files before it serves: whom it knows, and what it shows of itself.
package struct HostCredentials: Sendable {
    var auth = AuthReading()
    /// `nil` where TLS is not spoken.
    var certificates: TLSCertificates?

    init() {}

    package init(_ settings: HostSettings) throws(FileProblem) {
        auth = try AuthReading(settings.auth)
        if let tls = settings.tls { certificates = try TLSCertificates(tls) }
    }
}
