package import NATS
public import Pipeline

/// A queue in a stream of NATS JetStream, which any number of hosts and workers share, on any number of machines.
///
/// A message is in it once the stream has acknowledged it. Those of a session are worked on in order, by one worker at a time.
public struct NATSQueue: QueueStore {
    public static let name = "nats"
    public static let summary = "A queue in NATS JetStream, which hosts and workers on several machines share."
    public static let example = """
        nats: {url: "${NATS_URL:-nats://127.0.0.1:4222}", stream: stagecoach, size: 1GiB}
        """

    /// How to reach a server.
    @Setting(
        "The servers' addresses, with commas between them: nats://host:4222, or tls://; one of a cluster's is enough.",
        problem: addressProblem)
    public var url = Secret("nats://127.0.0.1:4222")

    /// The stream's name.
    @Setting("The stream that keeps the messages; its subjects begin with this name.", problem: nameProblem)
    public var stream = "stagecoach"

    /// How many servers keep each message.
    @Setting("How many servers of the cluster keep each message; 3 survive the loss of one.", in: 1...5)
    public var replicas = 1

    /// Whether a stream that is missing is made at start.
    @Setting("Make the stream at start where it is missing.") public var create = true

    /// How much may wait in it.
    @Setting("How many bytes of messages may wait in the stream; past that it is full.", in: .mebibytes(1)...)
    public var size = ByteSize.mebibytes(1_024)

    /// Who this host is to the server.
    @Setting("A file with the account's credentials, as 'nsc' writes it.") public var credentials: String?

    /// What is needed for TLS beyond what the system trusts.
    @Setting("Encrypt, and what for that: {ca: FILE, certificate: FILE, key: FILE}, each of which may be left out.")
    public var tls: NATSTLS?

    @State private var opened = NATSLink()

    public init() {}

    /// A queue in a stream.
    public init(
        url: Secret, stream: String = "stagecoach", replicas: Int = 1, create: Bool = true,
        size: ByteSize = .mebibytes(1_024)
    ) {
        (self.url, self.stream, self.replicas, self.create, self.size) = (url, stream, replicas, create, size)
    }

    /// What it is to hosts that share more than a queue, while the resource is open.
    var hosts: NATSShared? { opened.hosts }

    /// The connection, while the resource is open.
    package var connection: NATSConnection? { opened.connection }

    public var guarantee: Queue.Guarantee { guarantee(upTo: nil) }

    public func guarantee(holding capacity: Int) -> Queue.Guarantee { guarantee(upTo: capacity) }

    public var health: Health { opened.health }

    public func open(_ context: ResourceContext) async throws {
        let tls = tls.map { NATSSettings.TLS(authority: $0.ca, certificate: $0.certificate, key: $0.key) }
        let settings = NATSSettings(
            servers: NATSAddresses.list(of: url.revealed), credentials: credentials, tls: tls)
        try await opened.open(settings, configuration, creates: create, logger: context.logger)
    }

    public func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
        try opened.queue(for: consumer, options)
    }

    public func reportAbandoned() async {
        await opened.reportAbandoned()
    }

    public func close() async {
        await opened.close()
    }

    private var configuration: StreamConfiguration {
        var configuration = StreamConfiguration(name: stream, subjects: ["\(stream).>"])
        configuration.retention = "workqueue"
        configuration.discard = "new"
        configuration.replicas = replicas
        configuration.maxBytes = size.bytes
        configuration.duplicateWindow = .seconds(600)
        return configuration
    }
}

/// Files that a TLS connection to NATS needs.
public struct NATSTLS: SettingGroup {
    /// Who signs the server's certificate.
    @Setting("A file in PEM with the authorities that sign the servers' certificates; without it those of the system.")
    public var ca: String?

    /// The client's own certificate.
    @Setting("A file in PEM with this host's own certificate, where the servers ask for one.")
    public var certificate: String?

    /// The key of it.
    @Setting("A file in PEM with the key of the certificate.") public var key: String?

    /// What the system trusts, and no certificate of one's own.
    public init() {}
}

private let nameProblem: @Sendable (String) -> String? = { name in
    SharedName.isPlain(name) ? nil : "must be a name of letters, digits, '_' and '-'"
}

private let addressProblem: @Sendable (Secret) -> String? = { url in
    NATSAddresses.problem(of: url.revealed)
}
