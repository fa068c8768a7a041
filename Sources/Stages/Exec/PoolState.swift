import DequeModule
import Pipeline

/// What a pool knows: which messages wait, and which process works on which. A pure value: it has no process and no
/// clock, so that everything that can go wrong is tested without either.
struct PoolState {
    /// What is to be done outside.
    struct Actions {
        /// Places where a process is to be started.
        var starts: [Int] = []
        /// Places whose process is to be killed, with all that it started.
        var kills: [(slot: Int, reason: ProgramEnd)] = []
        /// Bytes for processes.
        var writes: [(slot: Int, bytes: [UInt8])] = []
        /// When to look again, if nothing happens before.
        var wakeTime: UInt64?

        var isEmpty: Bool { starts.isEmpty && kills.isEmpty && writes.isEmpty }
    }

    /// A message that no process has.
    private struct Waiting {
        let job: ProgramJob
        let isAlone: Bool
        let deadline: UInt64
    }

    let rules: ProgramRules
    private(set) var slots: [ProgramSlot]
    private var waiting: Deque<Waiting> = []
    private var lastID = 0
    private var actions = Actions()
    private(set) var deliveries: [(job: ProgramJob, outcome: ProgramJob.Outcome)] = []

    init(rules: ProgramRules, processes: Int) {
        self.rules = rules
        slots = Array(repeating: ProgramSlot(), count: processes)
    }

    /// Whether a message may find a process.
    var isUp: Bool { slots.contains { $0.phase == .up } }

    private var isHopeless: Bool { !isUp && slots.allSatisfy { $0.failures >= ProgramRules.hopeless } }

    /// More are no mistake, but a flood.
    private static let mostNeedless = 10_000

    /// A process that lived so long was no failure to start.
    private static let good: UInt64 = 10_000_000_000

    private static var hopeless: PipelineError {
        PipelineError(
            .stageFailed, "The message could not be processed", isRetryable: true,
            detail: "the program ended each time that it was started")
    }

    /// Takes a message.
    mutating func add(_ job: ProgramJob, now: UInt64) {
        if waiting.isEmpty, let slot = roomiest(alone: false) {
            give(job, alone: false, to: slot, now: now)
        } else if isHopeless {
            deliveries.append((job, .failure(PoolState.hopeless)))
        } else {
            waiting.append(Waiting(job: job, isAlone: false, deadline: now + rules.timeout))
        }
    }

    /// A process was started there.
    mutating func started(_ slot: Int, now: UInt64) {
        (slots[slot].lastSign, slots[slot].hasAnswered) = (now, false)
        slots[slot].phase = .up
        if rules.heartbeat != nil {
            slots[slot].phase = .silent
            ping(slot, limit: ProgramRules.startup, now: now)
        }
        dispatch(now: now)
    }

    /// Lines that a process wrote, and what is wrong with the one after them.
    ///
    /// - Returns: How many answered what needed no answer any more.
    mutating func answered(_ slot: Int, _ answers: [ProgramAnswer], problem: String?, now: UInt64) -> Int {
        guard slots[slot].phase == .up || slots[slot].phase == .silent else { return 0 }
        var late = 0
        for answer in answers {
            if let index = slots[slot].lines.firstIndex(where: { $0.id == answer.id }) {
                slots[slot].needless = 0
                if let problem = take(answer, of: slot, at: index, now: now) {
                    kill(slot, .broken(problem, by: answer.id), now: now)
                    return late
                }
            } else if (1...max(1, lastID)).contains(answer.id) {
                late += 1
                slots[slot].needless += 1
            } else {
                kill(slot, .broken("it answered a line that was never sent"), now: now)
                return late
            }
        }
        if slots[slot].needless > PoolState.mostNeedless {
            kill(slot, .broken("it keeps answering lines that are already answered"), now: now)
        } else if let problem {
            kill(slot, .broken(problem), now: now)
        } else {
            slots[slot].startClocks(concurrency: rules.concurrency, now: now)
            dispatch(now: now)
        }
        return late
    }

    /// Takes an answer to a line, or a piece of one.
    ///
    /// - Returns: What is wrong with it.
    private mutating func take(_ answer: ProgramAnswer, of slot: Int, at index: Int, now: UInt64) -> String? {
        let job = slots[slot].lines[index].job
        // Any line is a sign of life: it has no pieces.
        let takesPieces = rules.streams && job != nil
        if takesPieces, let delta = answer.delta {
            guard case .string(let piece) = delta else { return "its 'delta' is not a string" }
            if slots[slot].note(bytes: piece.utf8.count, at: index, now: now) > rules.maxLine {
                return "the pieces of its answer are longer than 'max_line' (\(rules.maxLine) bytes)"
            }
        }
        if let job { deliveries.append((job, .success(answer))) }
        if answer.isEnd || !takesPieces { _ = slots[slot].take(at: index, now: now) }
        if slots[slot].phase == .silent { slots[slot].phase = .up }
        return nil
    }

    /// Nobody waits for a message any more: a process that works on it is told, and what it still says is dropped.
    mutating func cancel(_ job: ProgramJob) {
        for slot in slots.indices where slots[slot].phase == .up {
            guard let index = slots[slot].lines.firstIndex(where: { $0.job === job }) else { continue }
            let line = slots[slot].lines[index]
            if line.isCancelled { return }
            slots[slot].lines[index].isCancelled = true
            slots[slot].send(id: line.id, text: RequestLine.cancel, version: rules.version)
        }
    }

    /// A client takes less than the process writes: nobody reads it until there is room.
    mutating func hold(_ slot: Int, now: UInt64) { slots[slot].hold(now: now) }

    /// There is room again.
    mutating func release(_ slot: Int, now: UInt64) { slots[slot].release(now: now) }

    /// A process must not go on.
    mutating func kill(_ slot: Int, _ reason: ProgramEnd, now: UInt64) {
        guard slots[slot].phase == .up || slots[slot].phase == .silent else { return }
        slots[slot].phase = .ending
        actions.kills.append((slot, reason))
        release(slot, because: reason, now: now)
        dispatch(now: now)
    }

    /// The process there is gone, or could not be started.
    ///
    /// - Returns: In how many nanoseconds another starts.
    mutating func ended(_ slot: Int, _ how: String, now: UInt64) -> UInt64 {
        if slots[slot].phase != .ending { release(slot, because: .died(how), now: now) }
        if now - slots[slot].lastSign > PoolState.good { slots[slot].failures = 0 }
        slots[slot].failures += 1
        let delay = ProgramRules.delay(afterFailures: slots[slot].failures)
        slots[slot].phase = .down(until: now + delay)
        if isHopeless {
            for message in waiting { deliveries.append((message.job, .failure(PoolState.hopeless))) }
            waiting = []
        }
        dispatch(now: now)
        return delay
    }

    /// Everything that is to be done now.
    mutating func takeActions(now: UInt64) -> Actions {
        var next: UInt64?
        func look(at time: UInt64) { next = min(next ?? time, time) }
        while let first = waiting.first, first.job.isSettled || first.deadline <= now {
            waiting.removeFirst()
            let busy = PipelineError(
                .busy, "Too many messages are waiting", isRetryable: true, detail: "no process of the program was free")
            deliveries.append((first.job, .failure(busy)))
        }
        if let first = waiting.first { look(at: first.deadline) }
        for slot in slots.indices {
            if let overdue = overdue(in: slot, now: now) { kill(slot, overdue, now: now) }
            switch slots[slot].phase {
            case .down(let time) where time <= now:
                slots[slot].phase = .starting
                actions.starts.append(slot)
            case .down(let time): look(at: time)
            case .up, .silent:
                if slots[slot].heldSince != nil { break }
                if let heartbeat = rules.heartbeat, slots[slot].lines.isEmpty {
                    let time = slots[slot].lastSign + heartbeat
                    if time <= now { ping(slot, limit: heartbeat, now: now) } else { look(at: time) }
                }
                for line in slots[slot].lines.prefix(rules.concurrency) {
                    if let since = line.since { look(at: since + line.limit) }
                }
            case .starting, .ending: break
            }
        }
        for slot in slots.indices where !slots[slot].outgoing.isEmpty {
            actions.writes.append((slot, slots[slot].outgoing))
            slots[slot].outgoing = []
        }
        actions.wakeTime = next
        defer { actions = Actions() }
        return actions
    }

    /// What has come for messages: pieces of their answers, and what became of them.
    mutating func takeDeliveries() -> [(job: ProgramJob, outcome: ProgramJob.Outcome)] {
        defer { deliveries = [] }
        return deliveries
    }

    /// Gives everything up: the host stops.
    mutating func stop() {
        for message in waiting { deliveries.append((message.job, .failure(PipelineError.stopping))) }
        waiting = []
        for slot in slots.indices {
            for line in slots[slot].takeAll() {
                if let job = line.job { deliveries.append((job, .failure(PipelineError.stopping))) }
            }
        }
    }

    private func overdue(in slot: Int, now: UInt64) -> ProgramEnd? {
        if slots[slot].heldSince != nil { return nil }
        for line in slots[slot].lines.prefix(rules.concurrency) {
            guard let since = line.since, since + line.limit <= now else { continue }
            return line.job == nil ? .silent : .late(line.id, isMute: !slots[slot].hasAnswered)
        }
        return nil
    }

    private mutating func ping(_ slot: Int, limit: UInt64, now: UInt64) {
        lastID += 1
        slots[slot].send(id: lastID, text: RequestLine.ping, version: rules.version)
        slots[slot].lines.append(ProgramSlot.Line(id: lastID, job: nil, since: now, limit: limit))
    }

    /// The process with the fewest messages that may get another.
    private func roomiest(alone: Bool) -> Int? {
        var best: Int?
        for slot in slots.indices where slots[slot].hasRoom(rules, alone: alone) {
            if let found = best, slots[found].lines.count <= slots[slot].lines.count { continue }
            best = slot
        }
        return best
    }

    private mutating func give(_ job: ProgramJob, alone: Bool, to slot: Int, now: UInt64) {
        lastID += 1
        slots[slot].send(id: lastID, text: job.text, version: rules.version)
        slots[slot].lines.append(
            ProgramSlot.Line(id: lastID, job: job, limit: rules.timeout, isAlone: alone))
        slots[slot].startClocks(concurrency: rules.concurrency, now: now)
    }

    private mutating func dispatch(now: UInt64) {
        while let first = waiting.first {
            if first.job.isSettled {
                waiting.removeFirst()
                continue
            }
            guard let slot = roomiest(alone: first.isAlone) else { return }
            waiting.removeFirst()
            give(first.job, alone: first.isAlone, to: slot, now: now)
        }
    }

    /// Decides what becomes of the messages in a process that is no more: the one to blame fails, the others are sent to
    /// another process. Where several may be to blame, each is tried again alone, so that none fails for another. What has
    /// begun to answer can't begin again.
    private mutating func release(_ slot: Int, because reason: ProgramEnd, now: UInt64) {
        let lines = slots[slot].takeAll()
        var suspects: [Int] = []
        switch reason {
        case .late(let id, _), .greedy(let id): suspects = [id]
        case .broken(_, let id?): suspects = [id]
        case .died, .broken: suspects = lines.filter { $0.job != nil && $0.since != nil }.map(\.id)
        case .silent: break
        }
        for line in lines.reversed() {
            guard let job = line.job, !job.isSettled else { continue }
            let isSuspect = suspects.contains(line.id)
            if isSuspect, suspects.count == 1 || line.hasBegun {
                deliveries.append((job, .failure(reason.error)))
            } else if line.hasBegun {
                deliveries.append((job, .failure(ProgramEnd.bystander)))
            } else {
                waiting.prepend(
                    Waiting(job: job, isAlone: isSuspect || line.isAlone, deadline: now + rules.timeout))
            }
        }
    }
}
