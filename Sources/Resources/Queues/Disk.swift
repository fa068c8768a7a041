public import Pipeline

/// A queue in a file: what is in it survives a killed process and an outage of what its step needs.
///
/// A message is in it once a commit has been synced to disk. Messages that arrive together share a commit.
public struct Disk: QueueStore {
    public static let name = "disk"
    public static let summary = "A queue in a file; what waits is there again after a killed process."
    public static let example = "disk: {path: data/outbox.db, size: 1GiB}"

    /// The file.
    @Setting("The file, from the working directory; missing folders are made. One process uses it at a time.")
    public var path = "data/queue.db"

    /// How much may wait in it.
    @Setting("How many bytes of messages may wait in it; past that it is full.", in: .mebibytes(1)...)
    public var size = ByteSize.mebibytes(1_024)

    @State private var log = DiskLog()

    public init() {}

    /// A queue in a file.
    public init(path: String, size: ByteSize = .mebibytes(1_024)) {
        self.path = path
        self.size = size
    }

    public var guarantee: Queue.Guarantee { guarantee(upTo: nil) }

    public func guarantee(holding capacity: Int) -> Queue.Guarantee { guarantee(upTo: capacity) }

    private func guarantee(upTo capacity: Int?) -> Queue.Guarantee {
        let messages = capacity.map { " and \($0) messages" } ?? ""
        return Queue.Guarantee(
            survivesProcess: true,
            whenKilled:
                "nothing is lost when the process is killed: what waits is on disk before the message goes on, and is "
                + "worked on at the next start, at least once (a row is stored once, by its id)",
            whenDown: "what waits is kept on disk while the database is down, up to \(size.bytes >> 20) MiB\(messages)",
            whenMachineLost: "what waits is lost with the machine's disk", room: size.bytes, capacity: capacity)
    }

    public var health: Health { log.health }

    public func open(_ context: ResourceContext) async throws {
        try await log.open(path: path, size: size.bytes, logger: context.logger)
    }

    public func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
        try await log.queue(for: consumer, options)
    }

    public func reportAbandoned() async {
        await log.reportAbandoned()
    }

    public func close() async {
        await log.close()
    }
}

extension Disk: Guaranteeing {
    public var guarantees: [Guarantee] {
        [Guarantee("file", "keeps what waits in \(path)", .unranked, otherwise: "").comparedWherePromised]
    }
}
