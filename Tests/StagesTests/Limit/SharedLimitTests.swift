import Pipeline
import Synchronization
import TestShared
import Testing

@testable import Stages

@Suite("Limits that hosts keep together", .timeLimit(.minutes(1)))
struct SharedLimitTests {
    private let hub = Hub()
    private let key = ClientKey(.id, "ann")

    private final class Counts: Sendable {
        let used = Mutex(0)
        let refused = Mutex(0)
    }

    private func buckets(_ capacity: Int) -> SharedBuckets {
        SharedBuckets(SharedMemory(to: hub), name: "limit", capacity: capacity, every: .seconds(3_600))
    }

    /// How many of so many messages go through that come to hosts at the same time.
    private func admitted(_ count: Int, at hosts: [SharedBuckets]) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<count {
                group.addTask { [key] in
                    if case .admitted = await hosts[number % hosts.count].take(key, name: "ann") { true } else { false }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
    }

    @Test("are exact where they are small, also for messages that come at once", arguments: [1, 7, 49])
    func small(capacity: Int) async {
        #expect(await admitted(200, at: [buckets(capacity), buckets(capacity), buckets(capacity)]) == capacity)
    }

    @Test("let no more through than they say, and hardly less")
    func large() async {
        let count = await admitted(3_000, at: [buckets(1_000), buckets(1_000), buckets(1_000)])
        #expect((900...1_000).contains(count))
        // Each host takes several at once.
        #expect(hub.revision < 500)
    }

    @Test("bear numbers that no host has written")
    func wildNumbers() {
        for end in [Int64.max, .min] {
            var rate = SharedRate(Array(String(end).utf8))
            let (taken, wait) = rate.take(1, capacity: 1, every: 1_000_000_000, now: 1_800_000_000_000_000_000)
            #expect(taken == (end > 0 ? 0 : 1) && wait > 0)
        }
        let most = String(Int.max)
        var budget = SharedBudget(
            Array(#"{"base":\#(most),"answered":\#(most),"hosts":{"a":[\#(most),1,1,1],"b":[1,\#(most),1,1]}}"#.utf8))
        #expect(budget.admit(at: "c", to: 10, stored: 0, waiting: 0, typical: nil) == .admitted(estimate: nil))
    }

    @Test("refuse without asking until there may be room")
    func refusals() async {
        let host = buckets(2)
        #expect(await admitted(3, at: [host]) == 2)
        let revision = hub.revision
        #expect(await admitted(500, at: [host]) == 0)
        #expect(hub.revision == revision)
        guard case .refused(let wait) = await host.take(key, name: "ann") else {
            Issue.record("there was room")
            return
        }
        #expect(wait > .zero && wait <= .seconds(1_800))
    }

    @Test("are said not to be known while nobody can be asked")
    func away() async {
        let link = SharedMemory(to: hub)
        let host = SharedBuckets(
            link, name: "limit", capacity: 2, every: .seconds(60), outage: SharedOutage(patience: .zero))
        hub.isDown = true
        guard case .away = await host.take(key, name: "ann") else {
            Issue.record("somebody was asked")
            return
        }
        hub.isDown = false
        #expect(host.takeAtOnce(key) == .away)
        while host.takeAtOnce(key) == .away { await Task.yield() }
        #expect(await host.take(key, name: "ann") == .admitted)
    }

    @Test("fill again with time")
    func refill() {
        var rate = SharedRate(nil)
        #expect(rate.take(5, capacity: 3, every: 300, now: 1_000).taken == 3)
        #expect(rate.take(1, capacity: 3, every: 300, now: 1_000) == (0, 100))
        #expect(rate.take(5, capacity: 3, every: 300, now: 1_100).taken == 1)
        #expect(rate.take(5, capacity: 3, every: 300, now: 1_400).taken == 3)
        #expect(SharedRate(rate.bytes) == rate)
        #expect(SharedRate(Array("nonsense".utf8)) == SharedRate(end: 0))
    }

    private func accounts(_ count: Int) throws -> [(link: SharedMemory, account: SharedAccount)] {
        try (0..<count).map { _ in
            let link = SharedMemory(to: hub)
            let cells = SharedCells(link.values("budget", keptFor: .seconds(60)), outage: SharedOutage())
            return (link, SharedAccount("ann", in: cells, hosts: try SharedHosts(link, patience: .milliseconds(100))))
        }
    }

    @Test("of tokens are exact to one answer, for messages that come to several hosts at once")
    func budget() async throws {
        let accounts = try accounts(3).map(\.account)
        let counts = Counts()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let account = accounts[number % 3]
                    guard
                        case .admitted(let estimate) = await account.admit(
                            to: 1_000, stored: 0, waiting: 0, typical: nil)
                    else { return counts.refused.withLock { $0 += 1 } }
                    let claim = SharedClaim(on: account, estimate: estimate) { _ in }
                    await Task.yield()
                    counts.used.withLock { $0 += 42 }
                    claim.settle(tokens: 42)
                }
            }
        }
        #expect((1_000..<1_042).contains(counts.used.withLock(\.self)))
        #expect(counts.refused.withLock(\.self) == 300 - counts.used.withLock(\.self) / 42)
    }

    @Test("of tokens get back what was not used, and what a dead host had")
    func returned() async throws {
        let hosts = try accounts(2)
        let accounts = hosts.map(\.account)
        guard case .admitted(let estimate) = await accounts[0].admit(to: 10, stored: 0, waiting: 0, typical: nil) else {
            Issue.record("there was room")
            return
        }
        _ = SharedClaim(on: accounts[0], estimate: estimate) { _ in }
        guard case .admitted = await accounts[1].admit(to: 10, stored: 0, waiting: 0, typical: nil) else {
            Issue.record("it was not given back")
            return
        }
        hosts[1].link.cut()
        guard case .admitted = await accounts[0].admit(to: 10, stored: 0, waiting: 0, typical: nil) else {
            Issue.record("a dead host keeps what it had")
            return
        }
    }
}
