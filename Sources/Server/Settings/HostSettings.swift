package import Pipeline

/// The `host:` section of a pipeline file.
package struct HostSettings: SettingGroup {
    @Setting("Limits for clients.") var limits = HostLimits()
    @Setting("Addresses of the proxies whose X-Forwarded-For counts.") var trustedProxies: [AddressRange] = []
    @Setting("Whether messages may be compressed (permessage-deflate), where the client offers it.")
    var compression = false
    @Setting("Origins of web pages that may connect and call it with fetch, besides the host's own.")
    var origins: [WebOrigin] = []
    @Setting("Who may see /metrics: programs on this machine, authenticated clients, or everybody.")
    var metrics = MetricsRule.loopback
    @Setting("Authentication: none, or clients need a key or a token.") var auth = AuthSetting.none
    @Setting("The certificate for TLS; without it connections are not encrypted.") var tls: TLSSettings?
    @Setting("Whether GET /sessions/{id} shows the rows of a session.") var history = false
    @Setting("Who may see /console: this machine, keys and tokens of operators, or nobody.")
    var console = ConsoleRule.loopback
    @Setting("What the console's feed shows of messages: nothing, their ids, or prompts and answers, too.")
    var tap = TapRule.ids
    @Setting("How long in-flight messages and queues may take to end when the host stops.")
    var drain: Duration = .seconds(30)

    package init() {}

    /// Whether clients need a key or a token.
    package var isAuthenticated: Bool { auth.credentials != nil }

    /// Where the issuer of tokens has its keys, where that is an address.
    package var keySetAddress: KeySetAddress? { auth.credentials?.jwt?.jwks?.address }

    /// Whether neither the host nor a proxy before it encrypts what is said.
    package var isUnencrypted: Bool { tls == nil && trustedProxies.isEmpty }

    package static func read(_ node: Node, with reader: inout SettingReader) -> HostSettings? {
        if let text = node.scalar?.written {
            reader.wrongType(
                node, expected: .other("mapping such as {auth: …, limits: …}"),
                hint: "the address is an option, 'serve FILE --host \(text)'")
            return nil
        }
        return bound(to: node, with: &reader)
    }
}

/// Limits for clients. A duration of 0 is no limit.
package struct HostLimits: SettingGroup {
    @Setting("Connections at once; past it the answer is 503.", in: 1...) package var connections = 10_000
    @Setting("Connections at once from one address; 0 is no limit.", in: 0...) package var connectionsPerAddress = 0
    @Setting("New connections a second; 0 is no limit.", in: 0...) package var connectsPerSecond = 0
    @Setting("From accept, or a later request's first byte, to the answer of the handshake.")
    package var handshake: Duration = .seconds(10)
    // The fields that RFC 6455 section 4.1 asks of a handshake take some 200 bytes.
    @Setting("Header fields of a request, together.", in: ByteSize(bytes: 256)...)
    package var headers = ByteSize.kibibytes(8)
    @Setting("A message, whole or in fragments.", in: ByteSize(bytes: 1)...)
    package var message = ByteSize.kibibytes(64)
    @Setting("Fragments of a message.", in: 1...) package var fragments = 128
    @Setting("Between two pings; two that are missed close the connection.") package var ping: Duration = .seconds(30)
    @Setting("Without a prompt; on an HTTP connection, without a request.")
    package var idle: Duration = .seconds(600)
    @Setting("How long a client may read nothing of what waits for it.") package var write: Duration = .seconds(10)
    @Setting("Bytes that wait for a client.", in: ByteSize(bytes: 1)...) package var outbound = ByteSize.mebibytes(1)
    @Setting("Messages that wait on one connection, 256 KiB of them at most; then reading stops.", in: 1...)
    package var queued = 64
    @Setting(
        "Retained sessions, remembered answers, and messages of clients who have left, of all together; the oldest go first.",
        in: ByteSize(bytes: 1)...)
    package var kept = ByteSize.mebibytes(32)
    @Setting("Of a connection in all.") package var lifetime: Duration = .zero
    @Setting("Messages and control frames of a connection a second; 0 is no limit.", in: 0...1_000_000)
    package var framesPerSecond = 0

    /// Bytes of messages that wait on one connection, as they came, decompressed: four of the largest by default. A message
    /// is taken while fewer wait, so that one that is larger than all of this gets its turn, too.
    static let queuedBytes = 256 << 10

    /// How long a client waits for what is looked up in a database before its request is served: what a statement may take
    /// by default, and less than the time in which the request must be answered.
    var lookUp: Duration { handshake > .zero ? min(.seconds(5), handshake * 0.8) : .seconds(5) }

    package init() {}
}
