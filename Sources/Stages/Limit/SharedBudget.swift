import Pipeline

/// What all hosts know of a user's tokens in a period. A pure value; what is each host's own stands apart, and is written by it as
/// a whole: so it is right again with the host's next write, whatever became of those before it.
struct SharedBudget: SharedContent {
    /// What is one host's.
    struct Share: Equatable, Sendable {
        /// Messages without an answer, what is reserved for them, and those of which nobody knows what to reserve.
        var calls = 0
        var reserved = 0
        var unknown = 0
        /// What its answers have cost.
        var answered = 0

        /// A message is let through.
        mutating func begin(estimate: Int?) {
            calls += 1
            reserved += estimate ?? 0
            unknown += estimate == nil ? 1 : 0
        }

        /// A message has ended that was let through.
        mutating func end(estimate: Int?) {
            calls -= 1
            reserved -= estimate ?? 0
            unknown -= estimate == nil ? 1 : 0
        }
    }

    enum Decision: Equatable, Sendable {
        /// With so much reserved; `nil` where no answer says what one costs.
        case admitted(estimate: Int?)
        case spent
        case wait
    }

    /// The table's sum when the period's first message came.
    var base: Int?
    /// What answers have cost since at hosts that have no share any more.
    var answered = 0
    /// The largest cost of late.
    var largest: Int?
    /// What each host has, where it has anything.
    private(set) var shares: [String: Share] = [:]

    /// How many shares there are at most that nothing is under way in.
    private static let most = 32

    init() {}

    subscript(host: String) -> Share {
        get { shares[host] ?? Share() }
        set { shares[host] = newValue == Share() ? nil : newValue }
    }

    /// Whether nothing is under way.
    var isQuiet: Bool { shares.values.allSatisfy { $0.calls == 0 } }

    /// What answers have cost.
    private var cost: Int { shares.values.reduce(answered) { $0 + $1.answered } }

    /// Decides about a message, by the rules of ``TokenAccount``.
    ///
    /// - Parameters:
    ///   - stored: The table's sum.
    ///   - waiting: What rows have cost that wait to be stored, where this is the first message.
    ///   - typical: What answers to others have cost of late.
    mutating func admit(
        at host: String, to budget: Int, stored: Int, waiting: Int, typical: Int?
    ) -> Decision {
        let base = base ?? stored + waiting
        self.base = base
        let used = max(stored, base + cost)
        guard used < budget else { return .spent }
        let estimate = [largest, typical].compactMap(\.self).max()
        let calls = shares.values.reduce(0) { $0 + $1.calls }
        let reserved = shares.values.reduce(0) { $0 + $1.reserved }
        let isUnknown = shares.values.contains { $0.unknown > 0 }
        if calls > 0, isUnknown || estimate == nil || used + reserved >= budget { return .wait }
        self[host].begin(estimate: estimate)
        return .admitted(estimate: estimate)
    }

    /// An answer has cost so much.
    mutating func learn(_ cost: Int) { largest = TokenAccount.largest(largest, cost) }

    /// A host has died: nothing of it is under way any more.
    mutating func release(_ host: String) { self[host] = Share(answered: self[host].answered) }

    /// Of very many hosts, as they are after many restarts, those that have nothing under way are counted together.
    mutating func gather(besides host: String) {
        guard shares.count > Self.most else { return }
        for (other, share) in shares where other != host && share.calls == 0 {
            answered += share.answered
            shares[other] = nil
        }
    }

    /// As it is written.
    var bytes: [UInt8] {
        var object = JSONText()
        if let base { object.add("base", raw: String(base)) }
        object.add("answered", raw: String(answered))
        if let largest { object.add("largest", raw: String(largest)) }
        if !shares.isEmpty {
            object.add(
                "hosts",
                .object(
                    shares.mapValues {
                        .array([.int($0.calls), .int($0.reserved), .int($0.unknown), .int($0.answered)])
                    }))
        }
        return object.finishedBytes
    }

    /// Nothing is known where there is nothing, or something else.
    init(_ bytes: [UInt8]?) {
        guard let bytes, case .object(let members)? = JSONValue(json: String(decoding: bytes, as: UTF8.self)) else {
            return
        }
        base = members["base"]?.safeInteger
        answered = members["answered"]?.safeInteger ?? 0
        largest = members["largest"]?.safeInteger
        guard case .object(let hosts)? = members["hosts"] else { return }
        shares = hosts.compactMapValues { value in
            guard case .array(let numbers) = value, numbers.count == 4 else { return nil }
            let all = numbers.compactMap(\.safeInteger)
            return all.count == 4 ? Share(calls: all[0], reserved: all[1], unknown: all[2], answered: all[3]) : nil
        }
    }
}
