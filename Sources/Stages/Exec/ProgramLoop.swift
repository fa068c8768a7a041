import CEvents
import Glibc
import Logging
import Pipeline
import Synchronization

/// The thread of a pool: it starts and ends the processes, writes what waits for them in one go, and reads what they say.
final class ProgramLoop {
    /// How long a process that has closed its output may take to end.
    private static let muteness: UInt64 = 500_000_000

    private let pool: ProgramPool
    private let logger: Logger
    private var isLeaving = false
    private var processes: [ProgramProcess?]
    private var meters: [CPUMeter]
    /// Messages whose clients take less than a process writes: it is not read while there are any.
    private var held: [[ProgramJob]]
    /// When the log last said that answers came which nobody waits for, and how many have come since.
    private var needless = (count: 0, since: UInt64(0))
    private let bell: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

    init(_ pool: ProgramPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
        bell = stagecoach_bell()
        let count = pool.shared.withLock { $0.pool.slots.count }
        processes = Array(repeating: nil, count: count)
        meters = Array(repeating: CPUMeter(), count: count)
        held = Array(repeating: [], count: count)
    }

    deinit {
        buffer.deallocate()
        close(bell)
    }

    func run() {
        var failure: (any Error)?
        while true {
            let now = monotonicTime()
            let (actions, deliveries, isStopping, onStart) = pool.shared.withLock { shared in
                let actions = shared.pool.takeActions(now: now)
                let deliveries = shared.pool.takeDeliveries()
                let isStopping = shared.phase != .running
                if actions.isEmpty, deliveries.isEmpty, !isStopping { shared.bell = bell }
                return (actions, deliveries, isStopping, actions.starts.isEmpty ? nil : shared.onStart.take())
            }
            for (job, outcome) in deliveries { job.deliver(outcome) }
            if isStopping { break }
            perform(actions, failure: &failure)
            if let onStart {
                if let failure {
                    onStart.resume(throwing: failure)
                    break
                }
                onStart.resume()
            }
            let isIdle = !releaseHeld() && actions.isEmpty && deliveries.isEmpty
            wait(isIdle ? patience(until: actions.wakeTime, now: now) : 0)
            measureCPU()
            endMute()
        }
        sayFarewell()
        pool.end(PipelineError.stopping)
    }

    private func perform(_ actions: PoolState.Actions, failure: inout (any Error)?) {
        for (slot, reason) in actions.kills {
            processes[slot]?.kill()
            logger.warning("\(reason.reason)")
        }
        for slot in actions.starts {
            do throws(ProgramProcess.Failure) {
                processes[slot] = try ProgramProcess(pool.program)
                meters[slot] = CPUMeter()
                held[slot] = []
                update { $0.started(slot, now: $1) }
            } catch {
                let words = "could not be started: \(error)"
                failure = PipelineError(
                    .stageFailed, "The program '\(pool.program.command.words.first ?? "")' \(words)")
                report(slot, words)
            }
        }
        for (slot, bytes) in actions.writes { processes[slot]?.write(bytes) }
    }

    /// Says that a process is no more, and when the next starts.
    private func report(_ slot: Int, _ how: String) {
        if isLeaving { return }
        let (delay, wasKilled) = update { pool, now in
            let wasKilled = pool.slots[slot].phase == .ending
            return (pool.ended(slot, how, now: now), wasKilled)
        }
        let pause = delay == 0 ? "at once" : "in \(delay / 1_000_000) ms"
        logger.log(level: wasKilled ? .info : .warning, "the program \(how); it starts again \(pause)")
    }

    /// How many milliseconds may pass; -1 where nothing is due.
    private func patience(until time: UInt64?, now: UInt64) -> Int32 {
        var due = time
        func look(within delay: UInt64) { due = min(due ?? .max, now + delay) }
        if pool.rules.cpu != nil, meters.contains(where: \.isRunning) { look(within: 50_000_000) }
        if processes.contains(where: { $0?.isOutputOpen == false }) { look(within: 100_000_000) }
        return due.map { Int32(min($0 > now ? ($0 - now) / 1_000_000 + 1 : 0, 60_000)) } ?? -1
    }

    private enum Source {
        case bell
        case input(Int)
        case output(Int)
        case errors(Int)
        case end(Int)
    }

    private func wait(_ patience: Int32) {
        var sources = [Source.bell]
        var polled = [pollfd(fd: bell, events: Int16(POLLIN), revents: 0)]
        for (slot, process) in processes.enumerated() {
            guard let process else { continue }
            func add(_ source: Source, _ descriptor: Int32, _ events: Int32) {
                sources.append(source)
                polled.append(pollfd(fd: descriptor, events: Int16(events), revents: 0))
            }
            if process.hasUnsent { add(.input(slot), process.input, POLLOUT) }
            if process.isOutputOpen, held[slot].isEmpty { add(.output(slot), process.output, POLLIN) }
            if process.areErrorsOpen { add(.errors(slot), process.errors, POLLIN) }
            // Last, so that what it said is read before it is gone.
            add(.end(slot), process.watch, POLLIN)
        }
        guard poll(&polled, nfds_t(polled.count), patience) > 0 else { return }
        for (index, event) in polled.enumerated() where event.revents != 0 { handle(sources[index]) }
    }

    private func handle(_ source: Source) {
        switch source {
        case .bell: stagecoach_hush(bell)
        case .input(let slot): processes[slot]?.write()
        case .output(let slot): readOutput(of: slot)
        case .errors(let slot): readErrors(of: slot)
        case .end(let slot): finish(slot)
        }
    }

    /// Reads what is there, and hands on answers as they were written.
    ///
    /// - Parameter isLast: Whether it is all that there will be.
    private func readOutput(of slot: Int, isLast: Bool = false) {
        guard let process = processes[slot] else { return }
        let limit = pool.rules.maxLine
        // Of pieces no more is read at once than may wait.
        var rest = pool.rules.streams && !isLast ? ProgramRules.window : .max
        var answers: [ProgramAnswer] = []
        var problem: String?
        func take(_ line: UnsafeRawBufferPointer) {
            guard problem == nil else { return }
            do throws(ProgramAnswer.Problem) {
                if line.count > limit { throw ProgramAnswer.Problem(longerThan: limit) }
                answers.append(try ProgramAnswer(line))
            } catch {
                problem = error.description
            }
        }
        process.isOutputOpen = read(process.output) { bytes in
            process.outputLines.append(bytes, line: take)
            if process.outputLines.count > limit, problem == nil {
                problem = ProgramAnswer.Problem(longerThan: limit).description
            }
            rest -= bytes.count
            return problem == nil && rest > 0
        }
        guard !answers.isEmpty || problem != nil else { return }
        let (deliveries, late) = update { pool, now in
            let late = pool.answered(slot, answers, problem: problem, now: now)
            return (pool.takeDeliveries(), late)
        }
        for (job, outcome) in deliveries { job.deliver(outcome) }
        if late > 0 { sayNeedless(late) }
        for (job, _) in deliveries where job.isFull && !held[slot].contains(where: { $0 === job }) {
            held[slot].append(job)
        }
        if !held[slot].isEmpty { update { $0.hold(slot, now: $1) } }
    }

    /// Reads processes again whose clients have taken what came.
    ///
    /// - Returns: Whether there were any: then their clocks go on.
    private func releaseHeld() -> Bool {
        var hasReleased = false
        for slot in held.indices where !held[slot].isEmpty {
            held[slot].removeAll { !$0.isFull }
            guard held[slot].isEmpty else { continue }
            update { $0.release(slot, now: $1) }
            hasReleased = true
        }
        return hasReleased
    }

    /// Once a second: a program may do nothing else.
    private func sayNeedless(_ count: Int) {
        needless.count += count
        let now = monotonicTime()
        guard needless.since == 0 || now - needless.since > 1_000_000_000 else { return }
        let times = needless.count == 1 ? "" : " (\(needless.count) times)"
        logger.warning("the program answered a line twice\(times); what it said later does not count")
        needless = (0, now)
    }

    private func readErrors(of slot: Int) {
        guard let process = processes[slot] else { return }
        let now = monotonicTime()
        process.areErrorsOpen = read(process.errors) { bytes in
            process.errorLines.append(bytes, now: now) { log($0, of: process) }
            return true
        }
    }

    private func log(_ line: String, of process: ProgramProcess) {
        logger.info("\(line)", metadata: ["pid": "\(process.pid)"])
    }

    /// Reads until nothing is there for now, at most a few times so that no process holds up the others.
    ///
    /// - Returns: Whether more may come.
    private func read(_ descriptor: Int32, _ body: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        for _ in 0..<16 {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count == 0 { return false }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            let isWanted = body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            if !isWanted || count < buffer.count { return true }
        }
        return true
    }

    /// A process has ended: what it said last counts, then its place is free.
    private func finish(_ slot: Int) {
        guard let process = processes[slot] else { return }
        readOutput(of: slot, isLast: true)
        readErrors(of: slot)
        process.errorLines.finish(now: monotonicTime()) { log($0, of: process) }
        let how = process.reap()
        processes[slot] = nil
        report(slot, how)
    }

    private func measureCPU() {
        guard let limit = pool.rules.cpu else { return }
        let heads = update { pool, _ in pool.slots.map { $0.lines.first?.id } }
        for (slot, head) in heads.enumerated() {
            guard let process = processes[slot] else { continue }
            if meters[slot].isOver(limit, head: head, used: { process.usedCPU }), let head {
                update { $0.kill(slot, .greedy(head), now: $1) }
            }
        }
    }

    /// A process that has closed its output ends at once, or is one that can't answer any more.
    private func endMute() {
        let now = monotonicTime()
        for (slot, process) in processes.enumerated() {
            guard let process, !process.isOutputOpen else { continue }
            process.muteSince = process.muteSince ?? now
            if let time = process.muteSince, now - time > ProgramLoop.muteness {
                update { $0.kill(slot, .broken("it closed its standard output"), now: $1) }
            }
        }
    }

    /// Lets the processes end by themselves, as nothing more comes; those that don't are killed.
    private func sayFarewell() {
        isLeaving = true
        for process in processes { process?.closeInput() }
        let end = monotonicTime() + pool.shared.withLock(\.farewell).nanoseconds
        while processes.contains(where: { $0 != nil }) {
            let now = monotonicTime()
            if now >= end { for process in processes { process?.kill() } }
            wait(now >= end ? 100 : Int32((end - now) / 1_000_000) + 1)
        }
    }

    @discardableResult
    private func update<Value: Sendable>(_ body: (inout PoolState, UInt64) -> Value) -> Value {
        let now = monotonicTime()
        return pool.shared.withLock { body(&$0.pool, now) }
    }
}
