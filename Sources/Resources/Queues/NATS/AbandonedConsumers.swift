/// Consumers that nobody uses and the server has not removed: where servers died while one was made or removed, it may have no
/// leader that would, and no worker can have its partition.
struct AbandonedConsumers {
    /// How long one is watched before it is removed: longer than a worker that is cut off keeps its lease.
    static let patience = Duration.seconds(16)

    private var since: [String: ContinuousClock.Instant] = [:]

    /// Notes the consumers that there are.
    ///
    /// - Parameter isUnused: Whether one is nobody's, as far as is known.
    /// - Returns: Those that have been nobody's for so long that they are to be removed.
    mutating func note(
        _ names: Set<String>, _ now: ContinuousClock.Instant, where isUnused: (String) -> Bool
    ) -> [String] {
        var unused: [String: ContinuousClock.Instant] = [:]
        var due: [String] = []
        for name in names where isUnused(name) {
            let begin = since[name] ?? now
            if now >= begin + AbandonedConsumers.patience { due.append(name) } else { unused[name] = begin }
        }
        since = unused
        return due
    }
}
