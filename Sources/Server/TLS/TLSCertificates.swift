import NIOCore
import NIOSSL
import Synchronization

/// The certificate for new connections, which may change while the host runs.
final class TLSCertificates: Sendable {
    private let settings: TLSSettings
    private let context: Mutex<NIOSSLContext>

    init(_ settings: TLSSettings) throws(FileProblem) {
        self.settings = settings
        context = Mutex(try TLSCertificates.load(settings))
    }

    /// Reads the files again. Where they can't be used the old certificate stays; nobody is closed.
    func reload() throws(FileProblem) {
        let new = try TLSCertificates.load(settings)
        context.withLock { $0 = new }
    }

    /// What speaks TLS on a new connection.
    func handler() -> NIOSSLServerHandler {
        NIOSSLServerHandler(context: context.withLock { $0 })
    }

    private static func load(_ settings: TLSSettings) throws(FileProblem) -> NIOSSLContext {
        let (certificate, key) = (settings.certificate, settings.key)
        let chain = try pem(certificate) { try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) }
        guard let chain, !chain.isEmpty else {
            throw certificate.problem("has no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----")
        }
        guard let privateKey = try pem(key, { try NIOSSLPrivateKey(bytes: Array($0.utf8), format: .pem) }) else {
            throw key.problem(
                "has no private key in PEM without a passphrase; it begins with -----BEGIN PRIVATE KEY-----")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw key.problem("is not the key of the certificate '\(certificate.text)'")
        }
    }

    private static func pem<Value>(_ file: FilePath, _ read: (String) throws -> Value) throws(FileProblem) -> Value? {
        let text = try file.contents()
        return try? read(text)
    }
}
