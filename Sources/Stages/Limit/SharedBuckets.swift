import Cryptography
import Pipeline
import Synchronization

/// A limit of messages that several hosts keep together: of each client one number.
///
/// A host takes a fiftieth of a large limit at once and lets so many messages through by itself; who is refused is refused
/// without asking until there may be room. Messages that come at the same time are asked for together.
final class SharedBuckets: Sendable {
    /// What becomes of a message.
    enum Verdict: Equatable, Sendable {
        case admitted
        /// For so long.
        case refused(Duration)
        /// Other hosts have been faster all the time.
        case contended
        /// Other hosts can't be asked.
        case away
    }

    fileprivate struct Waiter {
        let ticket: UInt64
        let continuation: CheckedContinuation<Verdict, Never>
    }

    fileprivate struct Client {
        /// What may still go through without asking, and until when.
        var lease = 0
        var leaseEnds: ContinuousClock.Instant?
        /// Until when nothing goes through.
        var refusedUntil: ContinuousClock.Instant?
        /// Nobody else uses it while others are asked.
        var cell: SharedCell<SharedRate>?
        var waiting: [Waiter] = []
        var isAsking = false
    }

    fileprivate struct State {
        var young: [ClientKey: Client] = [:]
        var old: [ClientKey: Client] = [:]
        var began: ContinuousClock.Instant?
        var lastTicket: UInt64 = 0
    }

    private let capacity: Int
    private let time: Duration
    private let cells: SharedCells
    private let clock: SharedClock
    private let state = Mutex(State())

    /// - Parameters:
    ///   - link: The way to the other hosts.
    ///   - name: What the limit is called, the same on each host.
    init(
        _ link: any SharedLink, name: String, capacity: Int, every time: Duration, outage: SharedOutage = SharedOutage()
    ) {
        (self.capacity, self.time) = (capacity, time)
        cells = SharedCells(link.values("limit-\(name)", keptFor: time * 2 + .seconds(60)), outage: outage)
        clock = SharedClock(cells)
    }

    /// What becomes of a client's message; `nil` where others must be asked.
    func takeAtOnce(_ key: ClientKey) -> Verdict? {
        if cells.outage.isLong { return .away }
        let now = ContinuousClock.now
        return state.withLock { state in
            state.with(key, now: now, every: time) { client in
                if let until = client.refusedUntil, now < until { return .refused(until - now) }
                guard client.lease > 0, let end = client.leaseEnds, now < end else { return nil }
                client.lease -= 1
                return .admitted
            }
        }
    }

    /// What becomes of a client's message. One that is cancelled is ``Verdict/contended``.
    ///
    /// - Parameter name: The client's, which other hosts know it by.
    func take(_ key: ClientKey, name: String) async -> Verdict {
        if let verdict = takeAtOnce(key) { return verdict }
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let begins: Bool? = with(key) { client in
                    if Task.isCancelled { return nil }
                    client.waiting.append(Waiter(ticket: ticket, continuation: continuation))
                    defer { client.isAsking = true }
                    return !client.isAsking
                }
                guard let begins else { return continuation.resume(returning: .contended) }
                if begins { Task { await self.ask(for: key, SharedBuckets.digest(name)) } }
            }
        } onCancel: {
            let waiter = with(key) { client in
                client.waiting.firstIndex { $0.ticket == ticket }.map { client.waiting.remove(at: $0) }
            }
            waiter?.continuation.resume(returning: .contended)
        }
    }

    private func with<Result: Sendable>(_ key: ClientKey, _ body: (inout Client) -> Result) -> Result {
        state.withLock { $0.with(key, now: .now, every: time, body) }
    }

    private func ask(for key: ClientKey, _ name: String) async {
        var cell = with(key, \.cell) ?? SharedCell(name, in: cells)
        while hasWaiters(key, cell) {
            do throws(SharedCellFailure) {
                settle(try await take(from: &cell, for: key), of: key)
            } catch {
                let waiting = with(key) { client in
                    defer { client.waiting = [] }
                    return client.waiting
                }
                for waiter in waiting { waiter.continuation.resume(returning: error == .away ? .away : .contended) }
            }
        }
    }

    private func hasWaiters(_ key: ClientKey, _ cell: SharedCell<SharedRate>) -> Bool {
        with(key) { client in
            client.isAsking = !client.waiting.isEmpty
            if !client.isAsking { client.cell = cell }
            return client.isAsking
        }
    }

    /// Of so many messages, those that go through and what is taken for later ones; and how long the next one has to wait.
    private typealias Taken = (count: Int, taken: Int, wait: Int64)

    private func take(
        from cell: inout SharedCell<SharedRate>, for key: ClientKey
    ) async throws(SharedCellFailure) -> Taken {
        do throws(SharedFailure) {
            try await cells.outage.bridge { () async throws(SharedFailure) in try await clock.prepare() }
        } catch {
            throw .away
        }
        let length = Int64(time / .nanoseconds(1))
        return try await cell.change { rate in
            let count = with(key, \.waiting.count)
            let (taken, wait) = rate.take(count + capacity / 50, capacity: capacity, every: length, now: clock.now ?? 0)
            return (count, taken, wait)
        }
    }

    private func settle(_ found: Taken, of key: ClientKey) {
        let (count, taken, wait) = found
        let (through, refused) = with(key) { client in
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
        for waiter in through { waiter.continuation.resume(returning: .admitted) }
        for waiter in refused { waiter.continuation.resume(returning: .refused(.nanoseconds(max(1, wait)))) }
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
