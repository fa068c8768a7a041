/// The workers of a step, as one of them knows them: each says every few seconds that it is there. It decides nothing but how
/// many partitions are this one's share; who has which is settled by the server.
struct WorkerGroup {
    /// What a worker says to the others.
    enum Word: String {
        /// It has come, and wants to know who else is there.
        case hello
        /// It is there.
        case here
        /// It goes, or gives a partition away.
        case released
        /// It is gone.
        case gone
    }

    /// How often a worker says that it is there.
    static let pace = Duration.seconds(2)
    /// After how long without a word one counts as gone; its partitions are free a little later.
    private static let patience = Duration.seconds(6)

    private var heard: [String: ContinuousClock.Instant] = [:]
    /// Partitions that are left to other workers, until when.
    private var offers: [Int: ContinuousClock.Instant] = [:]
    /// Partitions that another has just given away.
    private(set) var released: [Int: ContinuousClock.Instant] = [:]

    /// Notes a word of another's.
    mutating func hear(_ word: Word, from worker: String, of partition: Int?, at now: ContinuousClock.Instant) {
        heard[worker] = word == .gone ? nil : now
        if let partition { released[partition] = now }
    }

    /// Forgets who has not been heard of for some time.
    mutating func forget(at now: ContinuousClock.Instant) {
        heard = heard.filter { $0.value > now - WorkerGroup.patience }
        offers = offers.filter { $0.value > now }
        released = released.filter { $0.value > now - WorkerGroup.patience }
    }

    /// Whether a worker has been heard of lately.
    func knows(_ worker: String) -> Bool { heard[worker] != nil }

    /// Whether there are others.
    var hasOthers: Bool { !heard.isEmpty }

    /// How many partitions are a worker's share, and at which it begins to look for them.
    func share(of worker: String) -> (count: Int, first: Int) {
        let workers = (Array(heard.keys) + [worker]).sorted()
        let (whole, rest) = Partition.count.quotientAndRemainder(dividingBy: workers.count)
        let rank = workers.firstIndex(of: worker) ?? 0
        return (whole + (rank < rest ? 1 : 0), rank * Partition.count / workers.count)
    }

    /// Leaves a partition to the others for some time.
    mutating func isOfferedTo(others partition: Int, until end: ContinuousClock.Instant) { offers[partition] = end }

    /// Until when a partition is left to the others; `nil` where it isn't, or there are none.
    func offer(of partition: Int) -> ContinuousClock.Instant? { hasOthers ? offers[partition] : nil }

    mutating func take(_ partition: Int) { released[partition] = nil }
}
