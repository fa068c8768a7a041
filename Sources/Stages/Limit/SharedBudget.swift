import Pipeline

/// What all hosts know of a user's tokens in a period. A pure value; each host's share is told apart, so that it can be taken
/// back where the host has died.
struct SharedBudget: Equatable, Sendable {
    /// What one host has under way.
    struct Share: Equatable, Sendable {
        /// Messages without an answer, what is reserved for them, and those of which nobody knows what to reserve.
        var calls = 0
        var reserved = 0
        var unknown = 0
    }

    enum Decision: Equatable, Sendable {
        /// With so much reserved; `nil` where no answer says what one costs.
        case admitted(estimate: Int?)
        case spent
        case wait
    }

    /// The table's sum when the period's first message came.
    var base: Int?
    /// What answers have cost since.
    var answered = 0
    /// The largest cost of late.
    var largest: Int?
    var shares: [String: Share] = [:]

    init() {}

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
        let used = max(stored, base + answered)
        guard used < budget else { return .spent }
        let estimate = [largest, typical].compactMap(\.self).max()
        let calls = shares.values.reduce(0) { $0 + $1.calls }
        let reserved = shares.values.reduce(0) { $0 + $1.reserved }
        let isUnknown = shares.values.contains { $0.unknown > 0 }
        if calls > 0, isUnknown || estimate == nil || used + reserved >= budget { return .wait }
        change(host) { share in
            share.calls += 1
            share.reserved += estimate ?? 0
            share.unknown += estimate == nil ? 1 : 0
        }
        return .admitted(estimate: estimate)
    }

    /// A message has ended that was admitted.
    mutating func end(at host: String, estimate: Int?) {
        change(host) { share in
            share.calls -= 1
            share.reserved -= estimate ?? 0
            share.unknown -= estimate == nil ? 1 : 0
        }
    }

    /// An answer has cost so much.
    ///
    /// - Parameter before: What it was said to cost before.
    mutating func add(_ cost: Int, before: Int) {
        answered += cost - before
        largest = TokenAccount.largest(largest, cost)
    }

    /// A host has died: nothing of it is under way any more.
    mutating func remove(_ host: String) { shares[host] = nil }

    private mutating func change(_ host: String, _ body: (inout Share) -> Void) {
        var share = shares[host] ?? Share()
        body(&share)
        shares[host] = share.calls > 0 ? share : nil
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
                .object(shares.mapValues { .array([.int($0.calls), .int($0.reserved), .int($0.unknown)]) }))
        }
        return object.finishedBytes
    }

    /// Nothing is known where there is nothing, or something else.
    init(_ bytes: [UInt8]?) {
        guard let bytes, case .object(let members)? = JSONValue(json: String(decoding: bytes, as: UTF8.self)) else {
            return
        }
        func number(_ value: JSONValue?) -> Int? { if case .int(let number)? = value { number } else { nil } }
        base = number(members["base"])
        answered = number(members["answered"]) ?? 0
        largest = number(members["largest"])
        guard case .object(let hosts)? = members["hosts"] else { return }
        shares = hosts.compactMapValues { value in
            guard case .array(let numbers) = value, numbers.count == 3 else { return nil }
            let all = numbers.compactMap(number)
            return all.count == 3 ? Share(calls: all[0], reserved: all[1], unknown: all[2]) : nil
        }
    }
}
