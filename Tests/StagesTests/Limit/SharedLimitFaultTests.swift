import Pipeline
import Synchronization
import TestRandom
import TestShared
import Testing

@testable import Stages

@Suite("Limits that hosts keep together, while things fail", .timeLimit(.minutes(1)))
struct SharedLimitFaultTests {
    private final class Sum: Sendable {
        let value = Mutex(0)
    }

    private let hub = Hub()

    private func buckets(_ capacity: Int) -> SharedBuckets {
        SharedBuckets(SharedMemory(to: hub), name: "limit\(capacity)", capacity: capacity, every: .seconds(3_600))
    }

    private func account(_ link: SharedMemory, outage: SharedOutage = SharedOutage()) throws -> SharedAccount {
        let cells = SharedCells(link.values("budget", keptFor: .seconds(60)), outage: outage)
        return SharedAccount("ann", in: cells, hosts: try SharedHosts(link, patience: .milliseconds(100)))
    }

    private var budget: SharedBudget { SharedBudget(SharedWrites.split(hub.content(of: "budget")["ann"]).content) }

    private func fail(_ seed: UInt64) {
        let random = Mutex(SplitMix(seed: seed))
        hub.onWrite { _, _ in
            random.withLock { random in
                switch UInt8.random(in: 0..<20, using: &random) {
                case 0: .failed
                case 1, 2: .unanswered
                case 3: .late(.milliseconds(Int.random(in: 0...40, using: &random)))
                default: .done
                }
            }
        }
        hub.onRead { _, _ in random.withLock { UInt8.random(in: 0..<8, using: &$0) == 0 } }
    }

    /// How many of so many messages go through that come to hosts at the same time.
    private func admitted(_ count: Int, at hosts: [SharedBuckets]) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<count {
                group.addTask {
                    await hosts[number % hosts.count].take(ClientKey(.id, "ann"), name: "ann") == .admitted
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
    }

    @Test("let no more through than they say, and hardly less", arguments: 0..<4)
    func rates(seed: UInt64) async {
        fail(seed)
        #expect(await admitted(60, at: (0..<3).map { _ in buckets(7) }) == 7)
        #expect((900...1_000).contains(await admitted(2_000, at: (0..<3).map { _ in buckets(1_000) })))
    }

    @Test("of tokens are exact to one answer, and nothing stays reserved", arguments: 0..<6)
    func budgets(seed: UInt64) async throws {
        fail(seed)
        let accounts = try (0..<3).map { _ in try account(SharedMemory(to: hub)) }
        let used = Sum()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<150 {
                group.addTask {
                    let account = accounts[number % 3]
                    let outcome = await account.admit(to: 1_000, stored: 0, waiting: 0, typical: nil)
                    guard case .admitted(let estimate) = outcome else { return }
                    let claim = SharedClaim(on: account, estimate: estimate) { _ in }
                    await Task.yield()
                    // Every tenth fails.
                    if number % 10 == 0 { return }
                    used.value.withLock { $0 += 42 }
                    claim.settle(tokens: 42)
                }
            }
        }
        #expect((1_000..<1_042).contains(used.value.withLock(\.self)))
        while accounts.contains(where: \.isActive) { await Task.yield() }
        #expect(budget.isQuiet && budget.shares.values.reduce(0) { $0 + $1.answered } == used.value.withLock(\.self))
    }

    @Test("of one client are not those of others: who is contended waits, and nobody else is decided about alone")
    func contended() async {
        let host = buckets(2)
        _ = await host.take(ClientKey(.id, "first"), name: "first")
        let contended = SharedBuckets.digest("ann")
        let isOver = Mutex(false)
        hub.onWrite { _, key in key == contended && isOver.withLock { !$0 } ? .overtaken : .done }
        async let waiting = host.take(ClientKey(.id, "ann"), name: "ann")
        for number in 0..<100 {
            let other = "other \(number)"
            #expect(await host.take(ClientKey(.id, other), name: other) == .admitted)
        }
        isOver.withLock { $0 = true }
        #expect(await waiting == .admitted)
    }

    @Test("that can't be changed for too long refuse that client alone")
    func refused() async throws {
        let values = SharedMemory(to: hub).values("limit", keptFor: .seconds(60))
        hub.onWrite { _, key in key == "ann" ? .overtaken : .done }
        let cells = SharedCells(values, outage: SharedOutage(patience: .zero))
        var (ann, bob) = (
            SharedCell<SharedRate>("ann", in: cells, patience: .milliseconds(10)),
            SharedCell<SharedRate>("bob", in: cells)
        )
        let take = { (rate: inout SharedRate) in rate.take(1, capacity: 7, every: 3_600, now: 1_000_000).taken }
        await #expect(throws: SharedCellFailure.contended) { try await ann.change(take) }
        #expect(!cells.outage.isLong)
        #expect(try await bob.change(take) == 1)
    }

    @Test("wait a moment for what is between the hosts, and for no longer")
    func outage() async {
        let host = buckets(2)
        hub.isDown = true
        async let waiting = host.take(ClientKey(.id, "ann"), name: "ann")
        #expect(host.takeAtOnce(ClientKey(.id, "ann")) == nil)
        hub.isDown = false
        #expect(await waiting == .admitted)
    }

    @Test("of a message that is cancelled take nothing more")
    func cancelled() async {
        let host = buckets(1)
        hub.isDown = true
        let waiting = Task { await host.take(ClientKey(.id, "ann"), name: "ann") }
        waiting.cancel()
        #expect(await waiting.value == .contended)
        hub.isDown = false
        #expect(await host.take(ClientKey(.id, "ann"), name: "ann") == .admitted)
    }

    @Test("of tokens have nothing that grows while nobody can be asked, and are right afterwards")
    func unwritten() async throws {
        let account = try account(SharedMemory(to: hub), outage: SharedOutage(patience: .zero))
        guard case .admitted(let estimate) = await account.admit(to: 10, stored: 0, waiting: 0, typical: nil) else {
            Issue.record("there was room")
            return
        }
        let claim = SharedClaim(on: account, estimate: estimate) { _ in }
        while budget.shares.isEmpty { await Task.yield() }
        let revision = hub.revision
        hub.isDown = true
        for cost in 1...10_000 { claim.settle(tokens: cost) }
        hub.isDown = false
        while account.isActive { await Task.yield() }
        #expect(budget.shares.values.map(\.answered) == [10_000] && budget.largest == 10_000)
        #expect(hub.revision - revision < 10)
    }

    @Test("of tokens free what a host has forgotten that still answers")
    func forgotten() async throws {
        let links = (0..<2).map { _ in SharedMemory(to: hub) }
        let hosts = try links.map { try SharedHosts($0, patience: .milliseconds(100)) }
        let cells = links.map { SharedCells($0.values("budget", keptFor: .seconds(60)), outage: SharedOutage()) }
        var cell = SharedCell<SharedBudget>("ann", in: cells[0])
        let name = hosts[0].newName()
        let decision = try await cell.change { $0.admit(at: name, to: 10, stored: 0, waiting: 0, typical: nil) }
        #expect(decision == .admitted(estimate: nil))
        let account = SharedAccount("ann", in: cells[1], hosts: hosts[1])
        guard case .admitted = await account.admit(to: 10, stored: 0, waiting: 0, typical: nil) else {
            Issue.record("it stays reserved")
            return
        }
        // What is under way is not taken for forgotten.
        #expect(await hosts[0].isDead(account.name) == false)
    }

    @Test("of tokens count answers once when very many hosts have come and gone")
    func gathered() async throws {
        let link = SharedMemory(to: hub)
        let first = try account(link)
        for number in 0..<100 {
            let account = number == 0 || number == 99 ? first : try account(link)
            let outcome = await account.admit(to: 1_000, stored: 0, waiting: 0, typical: nil)
            guard case .admitted(let estimate) = outcome else {
                Issue.record("\(number): \(outcome)")
                return
            }
            SharedClaim(on: account, estimate: estimate) { _ in }.settle(tokens: 3)
            while account.isActive { await Task.yield() }
        }
        #expect(budget.shares.count < 40)
        #expect(budget.shares.values.reduce(budget.answered) { $0 + $1.answered } == 300)
    }
}
