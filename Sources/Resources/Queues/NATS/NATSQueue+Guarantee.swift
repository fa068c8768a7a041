public import Pipeline

extension NATSQueue {
    func guarantee(upTo capacity: Int?) -> Queue.Guarantee {
        let messages = capacity.map { " and \($0) messages" } ?? ""
        return Queue.Guarantee(
            survivesProcess: true, survivesMachine: replicas >= 3,
            whenKilled:
                "nothing is lost when a host or a worker is killed: what waits is in the stream '\(stream)' before the "
                + "message goes on, and any worker works on it, at least once (a row is stored once, by its id)",
            whenDown:
                "what waits is kept in the stream while the database is down, up to \(size.bytes >> 20) MiB\(messages); "
                + "while NATS is away, new messages are treated as if the queue were full",
            whenMachineLost: whenServerLost, isShared: true, room: size.bytes, capacity: capacity)
    }

    /// NATS writes to its files at once and syncs them every two minutes, where its own settings don't say otherwise.
    private var whenServerLost: String {
        replicas >= 3
            ? "nothing is lost with one machine: \(replicas) servers keep each message in a file, and \(replicas / 2 + 1) have it "
                + "before it goes on; if all of them lose power at once, up to two minutes are lost, as NATS syncs its files "
                + "every two minutes (sync_interval)"
            : "nothing is lost with a host's machine; what waits is lost with the disk of the NATS server that keeps it, and "
                + "up to two minutes of it if that server loses power, as NATS syncs its files every two minutes "
                + "(sync_interval); replicas: 3 keeps it on three servers"
    }
}

extension NATSQueue: Guaranteeing {
    public var guarantees: [Guarantee] {
        [
            Guarantee("stream", "keeps what waits in the stream \(stream)", .unranked, otherwise: "")
                .comparedWherePromised,
            Guarantee(
                "replicas", replicas == 1 ? "one server keeps each message" : "\(replicas) servers keep each message",
                .level(Double(replicas)),
                otherwise: "one server keeps each message"
            )
            .comparedWherePromised,
        ]
    }
}
