import CEvents
import Glibc

/// Runs a client's calls on the thread of an event loop.
///
/// The loop waits for a bell, which the kernel rings when something of libcurl's is ready: no thread has to wait for that
/// and hand it over. Where the kernel does not, there is no such object.
final class CurlLoop: CallRunner, @unchecked Sendable {
    // Unchecked: all but `loop` is touched on the loop's thread alone; other threads hand what they want to the loop.
    private let loop: any HTTPClientLoop
    private let events: CurlEvents
    private let sockets: CurlSockets
    private let calls: CurlCalls
    private var relay: stagecoach_relay
    private var stopWatching: () -> Void = {}
    private var alarm: (time: ContinuousClock.Instant, cancel: () -> Void)?
    /// Whether libcurl may be calling us.
    private var isWorking = false
    private var hasEnded = false

    /// Turns of as many ready sockets as are worked on at once, before others have theirs.
    private static let mostTurns = 4

    /// A runner on the loop of this thread; `nil` where the system does not let it be.
    init?(
        on loop: any HTTPClientLoop, _ configuration: HTTPClientConfiguration,
        report: @escaping @Sendable (String) -> Void
    ) {
        guard CurlLibrary.isReady, let events = CurlEvents() else { return nil }
        self.loop = loop
        self.events = events
        sockets = CurlSockets(events, report: report)
        calls = CurlCalls(configuration, events: events, sockets: sockets)
        relay = stagecoach_relay()
        let bell = stagecoach_bell()
        guard bell >= 0, stagecoach_relay_open(&relay, events.set, bell) == 0 else {
            events.close()
            Glibc.close(bell)
            return nil
        }
        guard stagecoach_relay_arm(&relay) == 0, let stop = loop.watch(bell, { self.workOnSockets() }) else {
            stagecoach_relay_close(&relay)
            events.close()
            Glibc.close(bell)
            return nil
        }
        stopWatching = stop
    }

    func submit(_ command: CurlCommand) {
        if LoopThread.current?.loop === loop, !isWorking {
            obey(command)
        } else {
            loop.execute { self.obey(command) }
        }
    }

    func stop(_ done: @escaping @Sendable () -> Void) {
        loop.execute {
            LoopThread.current?.remove(self)
            self.end()
            done()
        }
    }

    /// Ends the running calls and closes the connections.
    ///
    /// - Parameter withLoop: Whether the loop has ended, too, and with it what it was to do.
    func end(withLoop: Bool = false) {
        guard !hasEnded else { return }
        hasEnded = true
        calls.endAll(.shutDown)
        stagecoach_relay_close(&relay)
        if !withLoop {
            alarm?.cancel()
            stopWatching()
        }
        alarm = nil
        // Which closes the connections, and tells `sockets` of it.
        withExtendedLifetime(sockets) { events.close() }
    }

    private func obey(_ command: CurlCommand) {
        guard !hasEnded else {
            if case .start(let call) = command { call.fail(.shutDown) }
            return
        }
        work { calls.obey(command) }
    }

    private func workOnSockets() {
        guard !hasEnded else { return }
        var turns = 0
        repeat {
            turns += 1
            var count = 0
            work { count = events.work(waiting: 0) }
            guard count == events.most else { break }
        } while turns < Self.mostTurns
        // The bell is rung at once where there is more.
        if stagecoach_relay_arm(&relay) != 0 { _ = loop.execute(after: .milliseconds(1)) { self.workOnSockets() } }
    }

    private func work(_ body: () -> Void) {
        isWorking = true
        body()
        calls.advance()
        isWorking = false
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
