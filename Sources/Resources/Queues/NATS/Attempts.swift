import Pipeline

/// What is known of the deaths of processes that worked on messages of partitions: who has a partition keeps them at NATS, for
/// who has it next.
struct Attempts {
    /// A message that waited when this worker got its partition.
    private struct Suspect {
        let id: String
        let deaths: Int
        var isBegun = false
    }

    private struct Part {
        /// What was kept of messages that have not come yet.
        var kept: [String: Int] = [:]
        /// How many of those that waited have not come yet.
        var coming = 0
        var suspects: [Int64: Suspect] = [:]
        /// The number of the value at NATS.
        var revision: UInt64 = 0
    }

    /// The partitions that have any.
    private var parts: [Int: Part] = [:]

    var isEmpty: Bool { parts.isEmpty }

    /// A partition has become this worker's.
    ///
    /// - Parameters:
    ///   - kept: What the worker before has kept, and the number of that; `nil` where it could not be asked: then nothing is kept
    ///     here.
    ///   - waiting: How many messages wait in it.
    mutating func begin(_ partition: Int, _ kept: (bytes: [UInt8], revision: UInt64)?, waiting: Int) {
        guard let kept, waiting > 0 else { return parts[partition] = nil }
        var part = Part(coming: min(waiting, Partition.unacknowledged), revision: kept.revision)
        let value = kept.bytes.withUnsafeBytes { try? JSONReader.value(of: $0, deepest: 2) }
        if case .object(let members) = value { part.kept = members.compactMapValues { $0.whole.map { max(0, $0) } } }
        parts[partition] = part
    }

    /// It is this worker's no longer.
    mutating func end(_ partition: Int) { parts[partition] = nil }

    /// A message has come for the first time.
    mutating func came(_ ticket: Int64, _ id: UniqueID, of partition: Int) {
        guard var part = parts[partition], part.coming > 0 else { return }
        parts[partition] = nil
        part.coming -= 1
        let name = id.description
        part.suspects[ticket] = Suspect(id: name, deaths: part.kept.removeValue(forKey: name) ?? 0)
        // What has not come by now is there no longer.
        if part.coming == 0 { part.kept = [:] }
        parts[partition] = part
    }

    /// A message is here no longer.
    mutating func gone(_ ticket: Int64, of partition: Int) {
        guard parts[partition]?.suspects.removeValue(forKey: ticket) != nil else { return }
        if let part = parts[partition], part.coming == 0, part.suspects.isEmpty { parts[partition] = nil }
    }

    /// How many processes have died of a message; `nil` where that isn't kept.
    func deaths(of ticket: Int64, in partition: Int) -> Int? { parts[partition]?.suspects[ticket]?.deaths }

    /// Notes whether a message is being worked on.
    ///
    /// - Returns: Whether that has changed what is to be kept.
    mutating func note(_ ticket: Int64, of partition: Int, isBegun: Bool) -> Bool {
        guard let suspect = parts[partition]?.suspects[ticket], suspect.isBegun != isBegun else { return false }
        parts[partition]?.suspects[ticket]?.isBegun = isBegun
        return true
    }

    /// What is to be kept of a partition, and the number of what is; `nil` where there is nothing to keep.
    func value(of partition: Int) -> (bytes: [UInt8], revision: UInt64)? {
        guard let part = parts[partition] else { return nil }
        var text = JSONText()
        for (id, deaths) in part.kept where deaths > 0 { text.add(id, .int(deaths)) }
        for suspect in part.suspects.values where suspect.deaths > 0 || suspect.isBegun {
            text.add(suspect.id, .int(suspect.deaths + (suspect.isBegun ? 1 : 0)))
        }
        return (text.finishedBytes, part.revision)
    }

    /// It is kept under another number now.
    mutating func isKept(_ partition: Int, as revision: UInt64) { parts[partition]?.revision = revision }
}
