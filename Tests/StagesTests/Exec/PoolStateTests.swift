import Pipeline
import Testing

@testable import Stages

@Suite("What a pool of programs knows")
struct PoolStateTests {
    private static let second: UInt64 = 1_000_000_000

    /// A pool whose processes run.
    private func pool(_ rules: ProgramRules = ProgramRules(), processes: Int = 1) -> PoolState {
        var pool = PoolState(rules: rules, processes: processes)
        for slot in pool.takeActions(now: 0).starts { pool.started(slot, now: 0) }
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
        pool.takeDeliveries().map { settled in
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
        _ = pool.takeDeliveries()
        #expect(pool.ended(0, "ended with exit code 1", now: 0) == 0)
        let settled = pool.takeDeliveries()
        #expect(settled.map { settled in jobs.firstIndex { $0 === settled.job } } == [held[0]])
        let starts = pool.takeActions(now: 0).starts
        #expect(starts == [0])
        pool.started(0, now: 0)
        #expect(pool.slots[0].lines.first?.job === jobs[held[1]])
    }

    @Test("where several were worked on, each is tried again alone, and the one that ends the process alone fails")
    func suspects() throws {
        var pool = pool(ProgramRules(concurrency: 3))
        let jobs = add(4, to: &pool)
        _ = pool.ended(0, "ended", now: 0)
        #expect(pool.takeDeliveries().isEmpty)
        _ = pool.takeActions(now: 0)
        pool.started(0, now: 0)
        #expect(pool.slots[0].lines.map { $0.job === jobs[0] } == [true])
        _ = pool.answered(0, [try answer(ids(in: pool)[0])], problem: nil, now: 0)
        #expect(pool.slots[0].lines.map { $0.job === jobs[1] } == [true])
        _ = pool.takeDeliveries()
        _ = pool.ended(0, "ended", now: 0)
        #expect(pool.takeDeliveries().map { $0.job === jobs[1] } == [true])
    }

    @Test("the time of a message begins when the process can begin with it")
    func deadlines() throws {
        var pool = pool(ProgramRules(timeout: 5 * Self.second))
        _ = add(8, to: &pool)
        for _ in 0..<2 { _ = pool.answered(0, try ids(in: pool).map(answer), problem: nil, now: 0) }
        #expect(ids(in: pool) == [4, 5, 6, 7])
        #expect(pool.takeActions(now: 0).wakeTime == 5 * Self.second)
        _ = pool.answered(0, [try answer(4)], problem: nil, now: 4 * Self.second)
        #expect(pool.takeActions(now: 6 * Self.second).kills.isEmpty)
        _ = pool.takeDeliveries()
        let actions = pool.takeActions(now: 9 * Self.second)
        #expect(actions.kills.map(\.slot) == [0])
        #expect(errors(&pool) == [.timeout])
    }

    @Test("a message that no process takes in time is told that too much waits")
    func waiting() {
        var pool = pool(ProgramRules(timeout: 5 * Self.second))
        _ = add(1, to: &pool, now: 0)
        _ = add(1, to: &pool, now: Self.second)
        let actions = pool.takeActions(now: 2 * Self.second)
        #expect(actions.wakeTime == 5 * Self.second)
        _ = pool.takeActions(now: 5 * Self.second)
        _ = pool.takeActions(now: 6 * Self.second)
        #expect(errors(&pool) == [.timeout, .busy])
    }

    @Test("what a client left is neither sent nor blamed")
    func cancelled() throws {
        var pool = pool()
        let jobs = add(3, to: &pool)
        jobs[1].deliver(.failure(CancellationError()))
        _ = pool.answered(0, [try answer(1)], problem: nil, now: Self.second)
        #expect(pool.slots[0].lines.map { $0.job === jobs[2] } == [true])
    }

    @Test("a program that keeps ending is started again later and later, but at least every second")
    func backoff() {
        var pool = pool()
        let delays = (0..<8).map { number in
            let delay = pool.ended(0, "ended", now: 0)
            _ = pool.takeActions(now: delay)
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
            _ = pool.takeActions(now: Self.second)
            pool.started(0, now: 0)
        }
        _ = add(2, to: &pool)
        _ = pool.ended(0, "ended", now: 0)
        #expect(errors(&pool) == [.stageFailed, .stageFailed])
        _ = add(1, to: &pool)
        #expect(errors(&pool) == [.stageFailed])
        _ = pool.takeActions(now: Self.second)
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
        #expect(pool.takeActions(now: Self.second / 2).wakeTime == Self.second)
        _ = pool.takeActions(now: Self.second)
        #expect(ids(in: pool) == [3])
        _ = add(1, to: &pool, now: Self.second)
        let actions = pool.takeActions(now: 2 * Self.second)
        #expect(actions.kills.map(\.slot) == [0])
        _ = pool.takeDeliveries()
        #expect(pool.takeDeliveries().isEmpty)
    }

    private static let streaming = ProgramRules(timeout: 5 * second, maxLine: 10, streams: true)

    private func piece(_ id: Int, _ text: String) throws -> ProgramAnswer {
        var line = "{\"id\":\(id),\"delta\":\"\(text)\"}"
        return try line.withUTF8 { try ProgramAnswer(UnsafeRawBufferPointer($0)) }
    }

    @Test("pieces are handed on in their order before the end, and the process is busy until then")
    func pieces() throws {
        var pool = pool(Self.streaming)
        let jobs = add(2, to: &pool)
        _ = pool.answered(0, [try piece(1, "a"), try piece(1, "b")], problem: nil, now: 0)
        #expect(pool.takeDeliveries().map { $0.job === jobs[0] } == [true, true])
        #expect(ids(in: pool) == [1])
        _ = pool.answered(0, [try answer(1)], problem: nil, now: 0)
        #expect(pool.takeDeliveries().count == 1)
        #expect(ids(in: pool) == [2])
    }

    @Test("an answer in pieces is no longer than a line, and only the message with the long one fails")
    func endless() throws {
        var rules = Self.streaming
        rules.concurrency = 2
        var pool = pool(rules)
        let jobs = add(2, to: &pool)
        _ = pool.answered(0, [try piece(2, "1234567890"), try piece(2, "1")], problem: nil, now: 0)
        #expect(pool.takeActions(now: 0).kills.map(\.slot) == [0])
        let failed = pool.takeDeliveries().filter { if case .failure = $0.outcome { true } else { false } }
        #expect(failed.map { $0.job === jobs[1] } == [true])
        #expect(!jobs[0].isSettled)
    }

    @Test("an answer that has begun is not begun again by another process, whoever ended its own")
    func begun() throws {
        var rules = Self.streaming
        rules.concurrency = 3
        var pool = pool(rules)
        let jobs = add(3, to: &pool)
        _ = pool.answered(0, [try piece(1, "a"), try piece(2, "b")], problem: nil, now: 4 * Self.second)
        _ = pool.takeDeliveries()
        pool.kill(0, .broken("x", by: 1), now: 4 * Self.second)
        let ended = pool.takeDeliveries()
        #expect(Set(ended.map { ended in jobs.firstIndex { $0 === ended.job } }) == [0, 1])
        _ = pool.ended(0, "was killed", now: 4 * Self.second)
        _ = pool.takeActions(now: 4 * Self.second)
        pool.started(0, now: 4 * Self.second)
        #expect(pool.slots[0].lines.map { $0.job === jobs[2] } == [true])
    }

    @Test("a process is told once that nobody waits any more, and goes on to be busy until it answers")
    func cancelling() throws {
        var pool = pool(Self.streaming)
        let jobs = add(2, to: &pool)
        _ = pool.takeActions(now: 0)
        for _ in 0..<2 { pool.cancel(jobs[0]) }
        let writes = pool.takeActions(now: 0).writes.map { String(decoding: $0.bytes, as: UTF8.self) }
        #expect(writes == ["{\"protocol\":2,\"id\":1,\"cancel\":true}\n"])
        #expect(ids(in: pool) == [1])
        _ = pool.answered(0, [try answer(1)], problem: nil, now: 0)
        #expect(ids(in: pool) == [2])
    }

    @Test("any line with its number is a sign of life", arguments: [#""delta":"""#, #""delta":7"#, #""x":1"#])
    func signs(of life: String) throws {
        var pool = pool(ProgramRules(heartbeat: Self.second, streams: true))
        var line = "{\"id\":1,\(life)}"
        let sign = try line.withUTF8 { try ProgramAnswer(UnsafeRawBufferPointer($0)) }
        _ = pool.answered(0, [sign], problem: nil, now: 0)
        #expect(pool.isUp && ids(in: pool).isEmpty)
        #expect(pool.takeActions(now: 0).kills.isEmpty)
    }

    @Test("while a client takes too little, the clock of its message stands still")
    func holding() throws {
        var pool = pool(ProgramRules(timeout: 5 * Self.second, heartbeat: Self.second, streams: true))
        _ = pool.answered(0, [try answer(1)], problem: nil, now: 0)
        _ = add(1, to: &pool)
        _ = pool.answered(0, [try piece(2, "a")], problem: nil, now: Self.second)
        pool.hold(0, now: 2 * Self.second)
        #expect(pool.takeActions(now: 60 * Self.second).kills.isEmpty)
        pool.release(0, now: 60 * Self.second)
        #expect(pool.takeActions(now: 62 * Self.second).wakeTime == 63 * Self.second)
        #expect(pool.takeActions(now: 63 * Self.second).kills.count == 1)
    }

    @Test("a process that answers nothing but what is over is ended")
    func flood() throws {
        var pool = pool()
        _ = add(1, to: &pool)
        let late = try answer(1)
        for _ in 0..<10 { _ = pool.answered(0, Array(repeating: late, count: 1_000), problem: nil, now: Self.second) }
        #expect(pool.takeActions(now: Self.second).kills.isEmpty)
        _ = pool.answered(0, [late, late], problem: nil, now: Self.second)
        #expect(pool.takeActions(now: Self.second).kills.count == 1)
    }

    @Test("what is over is counted for each process, and for a new one from the beginning")
    func floodOfOne() throws {
        var pool = pool(processes: 2)
        _ = add(2, to: &pool)
        let flood = Array(repeating: try answer(1), count: 6_000)
        for slot in [0, 1] { _ = pool.answered(slot, flood, problem: nil, now: Self.second) }
        #expect(pool.takeActions(now: Self.second).kills.isEmpty)
        _ = pool.answered(1, [try answer(2)], problem: nil, now: Self.second)
        _ = pool.answered(0, flood, problem: nil, now: Self.second)
        #expect(pool.takeActions(now: Self.second).kills.map(\.slot) == [0])
        _ = pool.ended(0, "was killed", now: Self.second)
        #expect(pool.takeActions(now: Self.second).starts == [0])
        pool.started(0, now: Self.second)
        _ = pool.answered(0, flood, problem: nil, now: Self.second)
        #expect(pool.takeActions(now: Self.second).kills.isEmpty)
    }

    @Test("an answer to what was answered does not count; one to what was never sent ends the process")
    func strays() throws {
        var pool = pool()
        _ = add(2, to: &pool)
        #expect(pool.answered(0, [try answer(1), try answer(1)], problem: nil, now: Self.second) == 1)
        #expect(pool.takeActions(now: Self.second).kills.isEmpty)
        _ = pool.takeDeliveries()
        #expect(pool.answered(0, [try answer(99)], problem: nil, now: Self.second) == 0)
        #expect(pool.takeActions(now: Self.second).kills.count == 1)
        #expect(errors(&pool) == [.stageFailed])
    }
}

private struct SomeError: Error {}
