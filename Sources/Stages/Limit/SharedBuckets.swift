import Cryptography
import Pipeline
import Synchronization

/// A limit of messages that several hosts keep together: of each client one number, which is compared before it is changed.
///
/// A host takes a fiftieth of a large limit at once and lets so many messages through by itself; who is refused is refused
/// without asking until there may be room. Messages that come at the same time are asked for together.
final class SharedBuckets: Sendable {
    /// What becomes of a message.
    enum Verdict: Sendable {
        case admitted
        /// For so long.
        case refused(Duration)
        /// Other hosts can't be asked.
        case away
    }

    fileprivate struct Client {
        /// What may still go through without asking, and until when.
        var lease = 0
        var leaseEnds: ContinuousClock.Instant?
        /// Until when nothing goes through.
        var refusedUntil: ContinuousClock.Instant?
        /// What was read or written last.
        var known: (rate: SharedRate, revision: UInt64)?
        var waiting: [CheckedContinuation<Verdict, Never>] = []
        var isAsking = false
    }

    fileprivate struct State {
        var young: [ClientKey: Client] = [:]
        var old: [ClientKey: Client] = [:]
        var began: ContinuousClock.Instant?
        var awayUntil: ContinuousClock.Instant?
    }

    private let capacity: Int
    private let time: Duration
    private let link: any SharedLink
    private let values: any SharedValues
    private let state = Mutex(State())

    /// How long nobody is asked after nobody has answered.
    private static let awayTime: Duration = .seconds(1)
    /// How long a message may wait for others to be faster.
    private static let patience: Duration = .milliseconds(1_500)

    /// - Parameters:
    ///   - link: The way to the other hosts.
    ///   - name: What the limit is called, the same on each host.
    init(_ link: any SharedLink, name: String, capacity: Int, every time: Duration) {
        (self.link, self.capacity, self.time) = (link, capacity, time)
        values = link.values("limit-\(name)", keptFor: time * 2 + .seconds(60))
    }

    /// What becomes of a client's message; `nil` where others must be asked.
    func takeAtOnce(_ key: ClientKey) -> Verdict? {
        let now = ContinuousClock.now
        return state.withLock { state in
            if !link.isConnected || state.awayUntil.map({ now < $0 }) ?? false { return .away }
            return state.with(key, now: now, every: time) { client in
                if let until = client.refusedUntil, now < until { return .refused(until - now) }
                guard client.lease > 0, let end = client.leaseEnds, now < end else { return nil }
                client.lease -= 1
                return .admitted
            }
        }
    }

    /// What becomes of a client's message.
    ///
    /// - Parameter name: The client's, which other hosts know it by.
    func take(_ key: ClientKey, name: String) async -> Verdict {
        if let verdict = takeAtOnce(key) { return verdict }
        return await withCheckedContinuation { continuation in
            let begins = state.withLock { state in
                state.with(key, now: .now, every: time) { client in
                    client.waiting.append(continuation)
                    defer { client.isAsking = true }
                    return !client.isAsking
                }
            }
            if begins { Task { await self.ask(for: key, SharedBuckets.digest(name)) } }
        }
    }

    private func ask(for key: ClientKey, _ name: String) async {
        var begun = ContinuousClock.now
        while true {
            let next = state.withLock { state in
                state.with(key, now: .now, every: time) { client in
                    client.isAsking = !client.waiting.isEmpty
                    return client
                }
            }
            guard next.isAsking else { return }
            do throws(SharedFailure) {
                if try await ask(for: key, name, next.waiting.count, next.known) { begun = .now }
                guard .now - begun < Self.patience else { throw .away }
            } catch {
                let waiting = state.withLock { state in
                    state.awayUntil = .now + Self.awayTime
                    return state.with(key, now: .now, every: time) { client in
                        defer { client.waiting = [] }
                        client.known = nil
                        return client.waiting
                    }
                }
                for continuation in waiting { continuation.resume(returning: .away) }
            }
        }
    }

    /// - Returns: Whether it is known what becomes of them; otherwise another host was faster.
    private func ask(
        for key: ClientKey, _ name: String, _ count: Int, _ known: (rate: SharedRate, revision: UInt64)?
    ) async throws(SharedFailure) -> Bool {
        var (rate, revision): (SharedRate, UInt64)
        if let known {
            (rate, revision) = known
        } else {
            let found = try await values.get(name)
            (rate, revision) = (SharedRate(found?.bytes), found?.revision ?? 0)
        }
        let before = rate
        let length = Int64(time / .nanoseconds(1))
        let now = Timestamp.now.microseconds * 1_000
        let (taken, wait) = rate.take(count + capacity / 50, capacity: capacity, every: length, now: now)
        var written = revision
        if taken > 0 {
            guard let new = try await values.set(name, rate.bytes, ifRevision: revision) else {
                state.withLock { state in state.with(key, now: .now, every: time) { $0.known = nil } }
                return false
            }
            written = new
        }
        let (through, refused) = state.withLock { state in
            state.with(key, now: .now, every: time) { client in
                client.known = (taken > 0 ? rate : before, written)
                let (through, rest) = (client.waiting.prefix(taken), client.waiting.dropFirst(taken))
                if taken > through.count {
                    client.lease = taken - through.count
                    client.leaseEnds = .now + time / 2
                }
                // Others that have come meanwhile are asked for with what there is then.
                let refused = rest.prefix(max(0, count - taken))
                client.waiting = Array(rest.dropFirst(refused.count))
                if taken < count { client.refusedUntil = .now + .nanoseconds(wait) }
                return (through, refused)
            }
        }
        for continuation in through { continuation.resume(returning: .admitted) }
        for continuation in refused { continuation.resume(returning: .refused(.nanoseconds(max(1, wait)))) }
        return true
    }

    /// What stands for names, whatever they have in them.
    static func name(_ names: [String]) -> String { digest(names.joined(separator: "\u{0}")) }

    /// What stands for a client among the hosts, however long its name.
    static func digest(_ name: String) -> String {
        Hash.sha256.digest(of: Array(name.utf8)).prefix(16).hexadecimal
    }
}

extension SharedBuckets.State {
    /// Works on what is known of a client. Who has not come for two such times is forgotten, or of very many those who have not
    /// come for longest.
    fileprivate mutating func with<Result>(
        _ key: ClientKey, now: ContinuousClock.Instant, every time: Duration,
        _ body: (inout SharedBuckets.Client) -> Result
    ) -> Result {
        if now - (began ?? now) >= max(time, .seconds(1)) || young.count >= TokenBuckets.share {
            let asking = old.filter { $0.value.isAsking }
            (old, young, began) = (young, asking, now)
        } else if began == nil {
            began = now
        }
        var client = young[key] ?? old[key] ?? SharedBuckets.Client()
        defer {
            young[key] = client
        }
        return body(&client)
    }
}
