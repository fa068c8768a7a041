import Pipeline
import Testing

@testable import Stages

@Suite("What a pool of programs knows")
struct PoolStateTests {
    private static let second: UInt64 = 1_000_000_000

    /// A pool whose processes run.
    private func pool(_ rules: ProgramRules = ProgramRules(), processes: Int = 1) -> PoolState {
        var pool = PoolState(rules: rules, processes: processes)
        for slot in pool.takeOrders(now: 0).starts { pool.started(slot, now: 0) }
        return pool
    }

    private func add(_ count: Int, to pool: inout PoolState, now: UInt64 = 0) -> [ProgramJob] {
        (0..<count).map { number in
            let job = ProgramJob(text: "\(number)")
            pool.add(job, now: now)
            return job
        }
    }

    private func answer(_ id: Int) throws -> ProgramAnswer {
        try "{\"id\":\(id),\"fields\":{}}".utf8.withContiguousStorageIfAvailable { bytes in
            try ProgramAnswer(UnsafeRawBufferPointer(bytes))
        } ?? { throw SomeError() }()
    }

    private func ids(in pool: PoolState, _ slot: Int = 0) -> [Int] { pool.slots[slot].lines.map(\.id) }

    private func errors(_ pool: inout PoolState) -> [PipelineError.Code?] {
        pool.takeSettled().map { settled in
            if case .failure(let error) = settled.outcome { (error as? PipelineError)?.code } else { nil }
        }
    }

    @Test("a slow program gets one message at a time, from those that wait in order")
    func oneAtATime() throws {
        var pool = pool()
        _ = add(3, to: &pool)
        #expect(ids(in: pool) == [1])
        _ = pool.answered(0, [try answer(1)], problem: nil, now: Self.second)
        #expect(ids(in: pool) == [2])
    }

    @Test("a fast program gets more and more ahead, up to 64")
    func readAhead() throws {
        var pool = pool()
        _ = add(1_000, to: &pool)
        for _ in 0..<10 {
            let answers = try ids(in: pool).map(answer)
            _ = pool.answered(0, answers, problem: nil, now: 0)
        }
        #expect(ids(in: pool).count == 64)
        _ = pool.answered(0, [try answer(ids(in: pool)[0])], problem: nil, now: Self.second)
        #expect(ids(in: pool).count == 63)
    }

    @Test("messages go to the process with the fewest")
    func spreading() {
        var pool = pool(ProgramRules(concurrency: 4), processes: 2)
        _ = add(6, to: &pool)
        #expect(ids(in: pool, 0) == [1, 3, 5])
        #expect(ids(in: pool, 1) == [2, 4, 6])
    }

    @Test("a crash costs the message that was worked on; those ahead go to the next process in their order")
    func crash() throws {
        var pool = pool()
        let jobs = add(40, to: &pool)
        for _ in 0..<3 { _ = pool.answered(0, try ids(in: pool).map(answer), problem: nil, now: 0) }
        let held = pool.slots[0].lines.compactMap { line in jobs.firstIndex { $0 === line.job } }
        #expect(held.count == 8)
        _ = pool.takeSettled()
        #expect(pool.ended(0, "ended with exit code 1", now: 0) == 0)
        let settled = pool.takeSettled()
        #expect(settled.map { settled in jobs.firstIndex { $0 === settled.job } } == [held[0]])
        let starts = pool.takeOrders(now: 0).starts
        #expect(starts == [0])
        pool.started(0, now: 0)
        #expect(pool.slots[0].lines.first?.job === jobs[held[1]])
    }

    @Test("where several were worked on, each is tried again alone, and the one that ends the process alone fails")
    func suspects() throws {
        var pool = pool(ProgramRules(concurrency: 3))
        let jobs = add(4, to: &pool)
        _ = pool.ended(0, "ended", now: 0)
        #expect(pool.takeSettled().isEmpty)
        _ = pool.takeOrders(now: 0)
        pool.started(0, now: 0)
        #expect(pool.slots[0].lines.map { $0.job === jobs[0] } == [true])
        _ = pool.answered(0, [try answer(ids(in: pool)[0])], problem: nil, now: 0)
        #expect(pool.slots[0].lines.map { $0.job === jobs[1] } == [true])
        _ = pool.takeSettled()
        _ = pool.ended(0, "ended", now: 0)
        #expect(pool.takeSettled().map { $0.job === jobs[1] } == [true])
    }

    @Test("the time of a message begins when the process can begin with it")
    func deadlines() throws {
        var pool = pool(ProgramRules(timeout: 5 * Self.second))
        _ = add(8, to: &pool)
        for _ in 0..<2 { _ = pool.answered(0, try ids(in: pool).map(answer), problem: nil, now: 0) }
        #expect(ids(in: pool) == [4, 5, 6, 7])
        #expect(pool.takeOrders(now: 0).wakeTime == 5 * Self.second)
        _ = pool.answered(0, [try answer(4)], problem: nil, now: 4 * Self.second)
        #expect(pool.takeOrders(now: 6 * Self.second).kills.isEmpty)
        _ = pool.takeSettled()
        let orders = pool.takeOrders(now: 9 * Self.second)
        #expect(orders.kills.map(\.slot) == [0])
        #expect(errors(&pool) == [.timeout])
    }

    @Test("a message that no process takes in time is told that too much waits")
    func waiting() {
        var pool = pool(ProgramRules(timeout: 5 * Self.second))
        _ = add(1, to: &pool, now: 0)
        _ = add(1, to: &pool, now: Self.second)
        let orders = pool.takeOrders(now: 2 * Self.second)
        #expect(orders.wakeTime == 5 * Self.second)
        _ = pool.takeOrders(now: 5 * Self.second)
        _ = pool.takeOrders(now: 6 * Self.second)
        #expect(errors(&pool) == [.timeout, .busy])
    }

    @Test("what a client left is neither sent nor blamed")
    func cancelled() throws {
        var pool = pool()
        let jobs = add(3, to: &pool)
        jobs[1].settle(.failure(CancellationError()))
        _ = pool.answered(0, [try answer(1)], problem: nil, now: Self.second)
        #expect(pool.slots[0].lines.map { $0.job === jobs[2] } == [true])
    }

    @Test("a program that keeps ending is started again later and later, but at least every second")
    func backoff() {
        var pool = pool()
        let delays = (0..<8).map { number in
            let delay = pool.ended(0, "ended", now: 0)
            _ = pool.takeOrders(now: delay)
            pool.started(0, now: 0)
            return delay / 1_000_000
        }
        #expect(delays == [0, 100, 200, 400, 800, 1_000, 1_000, 1_000])
    }

    @Test("messages are refused at once while every process keeps ending")
    func hopeless() {
        var pool = pool()
        for _ in 0..<4 {
            _ = pool.ended(0, "ended", now: 0)
            _ = pool.takeOrders(now: Self.second)
            pool.started(0, now: 0)
        }
        _ = add(2, to: &pool)
        _ = pool.ended(0, "ended", now: 0)
        #expect(errors(&pool) == [.stageFailed, .stageFailed])
        _ = add(1, to: &pool)
        #expect(errors(&pool) == [.stageFailed])
        _ = pool.takeOrders(now: Self.second)
        pool.started(0, now: Self.second)
        _ = add(1, to: &pool)
        #expect(errors(&pool).isEmpty)
    }

    @Test("with a heartbeat a process gets messages after its first sign of life, and is replaced without one")
    func heartbeat() throws {
        var pool = pool(ProgramRules(heartbeat: Self.second))
        #expect(!pool.isUp)
        let jobs = add(1, to: &pool)
        #expect(ids(in: pool) == [1])
        _ = pool.answered(0, [try answer(1)], problem: nil, now: 0)
        #expect(pool.isUp)
        #expect(pool.slots[0].lines.map { $0.job === jobs[0] } == [true])
        _ = pool.answered(0, [try answer(2)], problem: nil, now: 0)
        #expect(pool.takeOrders(now: Self.second / 2).wakeTime == Self.second)
        _ = pool.takeOrders(now: Self.second)
        #expect(ids(in: pool) == [3])
        _ = add(1, to: &pool, now: Self.second)
        let orders = pool.takeOrders(now: 2 * Self.second)
        #expect(orders.kills.map(\.slot) == [0])
        _ = pool.takeSettled()
        #expect(pool.takeSettled().isEmpty)
    }

    @Test("an answer to what was answered does not count; one to what was never sent ends the process")
    func strays() throws {
        var pool = pool()
        _ = add(2, to: &pool)
        #expect(pool.answered(0, [try answer(1), try answer(1)], problem: nil, now: Self.second) == 1)
        #expect(pool.takeOrders(now: Self.second).kills.isEmpty)
        _ = pool.takeSettled()
        #expect(pool.answered(0, [try answer(99)], problem: nil, now: Self.second) == 0)
        #expect(pool.takeOrders(now: Self.second).kills.count == 1)
        #expect(errors(&pool) == [.stageFailed])
    }
}

private struct SomeError: Error {}
