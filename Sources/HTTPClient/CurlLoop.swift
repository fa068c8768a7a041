import CEvents
import Glibc
import Threads

/// Runs a client's calls on the thread of an event loop.
///
/// The loop waits for a bell, which the kernel rings when something of libcurl's is ready: no thread has to wait for that
/// and hand it over. Where the kernel does not, there is no such object.
///
/// Words in the middle of an answer may wait for those of other answers, for ``WordPace/longestWait`` at most. All else is
/// worked on as it comes.
final class CurlLoop: CallRunner, LoopPart, @unchecked Sendable {
    // Unchecked: all but `loop` is touched on the loop's thread alone; other threads hand what they want to the loop.
    private let loop: any WorkingLoop
    private let events: CurlEvents
    private let sockets: CurlSockets
    private let calls: CurlCalls
    private var relay: stagecoach_relay
    private var pace = WordPace()
    /// Rings when what has been gathered is to be looked at: not a task of the loop's, whose sockets would wait for as long
    /// as there is always one that is due.
    private let timer: Int32
    /// Rings for each share of what has been gathered but the first.
    private let turns: Int32
    /// How much there was when it was last looked at.
    private var taken = 0
    /// So much of it is worked on in a turn of the loop.
    private var share = 1
    private var stopWatching: [() -> Void] = []
    private var alarm: (time: ContinuousClock.Instant, cancel: () -> Void)?
    private var submitted: [CurlCommand] = []
    private var hasEnded = false

    /// The bits by which the relay tells the sets apart.
    private static let (prompt, gathered): (Int32, Int32) = (1, 2)

    /// A runner on the loop of this thread; `nil` where the system does not let it be.
    init?(
        on loop: any WorkingLoop, _ configuration: HTTPClientConfiguration,
        report: @escaping @Sendable (String) -> Void
    ) {
        guard CurlLibrary.isReady, let events = CurlEvents(gathers: true) else { return nil }
        self.loop = loop
        self.events = events
        sockets = CurlSockets(events, report: report)
        calls = CurlCalls(configuration, events: events, sockets: sockets)
        relay = stagecoach_relay()
        timer = stagecoach_timer()
        turns = stagecoach_turns()
        let bell = stagecoach_bell()
        let descriptors = [bell, timer, turns]
        guard descriptors.allSatisfy({ $0 >= 0 }),
            stagecoach_relay_open(&relay, events.set, events.gatheredSet, bell) == 0
        else {
            events.close()
            for descriptor in descriptors { Glibc.close(descriptor) }
            return nil
        }
        guard stagecoach_relay_arm(&relay, Self.prompt | Self.gathered) == 0,
            watch(bell, { $0.look(at: stagecoach_relay_rung(&$0.relay)) }),
            watch(timer, { $0.look(at: Self.gathered) }), watch(turns, { $0.goOnWithGathered() })
        else {
            hasEnded = true
            for stop in stopWatching { stop() }
            stagecoach_relay_close(&relay)
            events.close()
            for descriptor in descriptors.dropFirst(stopWatching.count) { Glibc.close(descriptor) }
            return nil
        }
    }

    /// Returns whether the loop watches the descriptor, which is its own then.
    private func watch(_ bell: Int32, _ answer: @escaping @Sendable (CurlLoop) -> Void) -> Bool {
        let stop = loop.watch(bell) { if !self.hasEnded { answer(self) } }
        guard let stop else { return false }
        stopWatching.append(stop)
        return true
    }

    /// Calls of one turn of the loop are started one right after the other: whom they are sent to is woken once.
    func submit(_ command: CurlCommand) {
        guard LoopThread.current?.loop === loop else { return loop.execute { self.obey([command]) } }
        submitted.append(command)
        if submitted.count == 1 {
            loop.execute { self.obeySubmitted() }
        }
    }

    private func obeySubmitted() {
        let commands = submitted
        submitted = []
        obey(commands)
    }

    func stop(_ done: @escaping @Sendable () -> Void) {
        loop.execute {
            if let thread = LoopThread.current { thread.parts = thread.parts.filter { $0.value !== self } }
            self.end()
            done()
        }
    }

    func loopHasEnded() { end(withLoop: true) }

    /// Ends the running calls and closes the connections.
    ///
    /// - Parameter withLoop: Whether the loop has ended, too, and with it what it was to do.
    func end(withLoop: Bool = false) {
        guard !hasEnded else { return }
        hasEnded = true
        calls.endAll(.shutDown)
        obeySubmitted()
        stagecoach_relay_close(&relay)
        if !withLoop {
            alarm?.cancel()
            for stop in stopWatching { stop() }
        }
        (alarm, stopWatching) = (nil, [])
        // Which closes the connections, and tells `sockets` of it.
        withExtendedLifetime(sockets) { events.close() }
    }

    private func obey(_ commands: [CurlCommand]) {
        guard !hasEnded else {
            for case .start(let call) in commands { call.fail(.shutDown) }
            return
        }
        work { for command in commands { calls.obey(command) } }
    }

    private func look(at sets: Int32) {
        var unarmed = sets & Self.prompt
        if unarmed != 0 { work { self.events.work(waiting: 0) } }
        if sets & Self.gathered != 0, workOnGathered() { unarmed |= Self.gathered }
        arm(unarmed)
    }

    /// Looks at what has been gathered, and works on the first share of it.
    ///
    /// - Returns: Whether that is all, and what comes next is looked at as it comes: the bell is to say when it is there.
    private func workOnGathered() -> Bool {
        let now = ContinuousClock.now
        taken = events.takeGathered()
        pace.note(taken, at: now)
        share = WordPace.share(of: taken, lastCall: calls.lastBegin, now: now)
        if taken > share { stagecoach_turns_add(turns, UInt32((taken - 1) / share)) }
        return workOnShare()
    }

    private func goOnWithGathered() {
        if workOnShare() { arm(Self.gathered) }
    }

    /// - Returns: As above.
    private func workOnShare() -> Bool {
        work { events.workOnGathered(atMost: share) }
        guard !events.hasTakenGathered else { return false }
        // What is left over comes next, after what these have brought.
        guard taken < events.maxGathered, let wait = pace.wait else { return true }
        stagecoach_timer_set(timer, wait.nanoseconds)
        return false
    }

    /// Has the bell rung when there is something ready; at once where there is more.
    private func arm(_ sets: Int32) {
        guard sets != 0, stagecoach_relay_arm(&relay, sets) != 0 else { return }
        _ = loop.execute(after: .milliseconds(1)) { if !self.hasEnded { self.look(at: sets) } }
    }

    private func work(_ body: () -> Void) {
        body()
        calls.advance()
        setAlarm()
    }

    /// One that is set stays set while there is nothing to do before it: deadlines of later calls are mostly later.
    private func setAlarm() {
        guard let next = calls.next else { return }
        if let alarm, alarm.time <= next { return }
        alarm?.cancel()
        let delay = max(.zero, ContinuousClock.now.duration(to: next))
        let cancel = loop.execute(after: delay) {
            self.alarm = nil
            if !self.hasEnded { self.work {} }
        }
        alarm = (next, cancel)
    }
}
