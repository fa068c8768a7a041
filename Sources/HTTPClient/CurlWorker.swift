import CCurl
import CEvents
import Glibc
import Synchronization
import Threads

/// The thread that runs a client's calls: libcurl's multi interface, woken by its sockets, its timer and commands.
final class CurlWorker: CallRunner {

    private enum Phase {
        case idle
        case running
        case stopping
        case stopped
    }

    private struct State {
        var phase = Phase.idle
        var commands: [CurlCommand] = []
        var onStop: [@Sendable () -> Void] = []
        /// There while the thread waits and must be woken. It is rung under the lock, and taken back under it before it is
        /// closed.
        var bell: Int32?

        mutating func wake() {
            if let bell = bell.take() { stagecoach_ring(bell) }
        }
    }

    private let configuration: HTTPClientConfiguration
    private let state = Mutex(State())

    private let report: @Sendable (String) -> Void

    init(_ configuration: HTTPClientConfiguration, report: @escaping @Sendable (String) -> Void) {
        self.configuration = configuration
        self.report = report
    }

    /// Hands a command to the thread, which starts with the first one.
    func submit(_ command: CurlCommand) {
        let (isRefused, isFirst) = state.withLock { state in
            if state.phase == .stopping || state.phase == .stopped { return (true, false) }
            if case .distrust = command, state.phase == .idle { return (false, false) }
            defer { state.phase = .running }
            state.commands.append(command)
            state.wake()
            return (false, state.phase == .idle)
        }
        if isFirst { start() }
        if isRefused, case .start(let call) = command { call.fail(.shutDown) }
    }

    /// Ends the running calls and the thread, and calls back when it is done.
    func stop(_ done: @escaping @Sendable () -> Void) {
        let isStopped = state.withLock { state in
            if state.phase == .idle || state.phase == .stopped {
                state.phase = .stopped
                return true
            }
            state.phase = .stopping
            state.onStop.append(done)
            state.wake()
            return false
        }
        if isStopped { done() }
    }

    private func start() {
        guard !startThread(named: "stagecoach-http", { self.run() }) else { return }
        end(HTTPClientError(.other, "no thread could be started"))
    }

    private func run() {
        let bell = stagecoach_bell()
        defer { close(bell) }
        guard bell >= 0, CurlLibrary.isReady, let events = CurlEvents() else {
            return end(HTTPClientError(.other, "libcurl could not be started"))
        }
        events.watch(bell: bell)
        let sockets = CurlSockets(events, report: report)
        let calls = CurlCalls(configuration, events: events, sockets: sockets)
        while obeyCommands(calls) {
            calls.advance()
            events.work(waiting: fallAsleep(bell) ? patience(calls) : 0, bell: bell)
        }
        calls.endAll(.shutDown)
        // Which closes the connections, and tells `sockets` of it.
        withExtendedLifetime(sockets) { events.close() }
        end(.shutDown)
    }

    private func patience(_ calls: CurlCalls) -> Int32 {
        guard let next = calls.next else { return -1 }
        return Int32(clamping: ContinuousClock.now.duration(to: next).wholeMilliseconds)
    }

    /// Returns whether to go on.
    private func obeyCommands(_ calls: CurlCalls) -> Bool {
        let (commands, isStopping) = state.withLock { state in
            defer { (state.commands, state.bell) = ([], nil) }
            return (state.commands, state.phase == .stopping)
        }
        for command in commands { calls.obey(command) }
        return !isStopping
    }

    private func fallAsleep(_ bell: Int32) -> Bool {
        state.withLock { state in
            guard state.commands.isEmpty, state.phase == .running else { return false }
            state.bell = bell
            return true
        }
    }

    private func end(_ error: HTTPClientError) {
        let (commands, callbacks) = state.withLock { state in
            state.phase = .stopped
            defer { (state.commands, state.onStop) = ([], []) }
            return (state.commands, state.onStop)
        }
        for case .start(let call) in commands { call.fail(error) }
        for callback in callbacks { callback() }
    }
}

/// libcurl's global state, made once and never undone: others in the process may use libcurl too.
enum CurlLibrary {
    static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
}
