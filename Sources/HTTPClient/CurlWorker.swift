import CCurl
import Glibc
import Synchronization

/// The thread that runs a client's calls: libcurl's multi interface, woken by commands.
final class CurlWorker: Sendable {
    enum Command {
        case start(Call)
        case resume(Call)
        case cancel(Call)
    }

    private enum Phase {
        case idle
        case running
        case stopping
        case stopped
    }

    private struct State {
        var phase = Phase.idle
        var commands: [Command] = []
        var onStop: [@Sendable () -> Void] = []
        /// There while the thread waits and must be woken.
        var sleeper: Multi?

        mutating func wake() {
            sleeper.take()?.wake()
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
    func submit(_ command: Command) {
        let (isRefused, isFirst) = state.withLock { state in
            if state.phase == .stopping || state.phase == .stopped { return (true, false) }
            defer { state.phase = .running }
            state.commands.append(command)
            state.wake()
            return (false, state.phase == .idle)
        }
        if isFirst { startThread() }
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

    private func startThread() {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<CurlWorker>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        guard status == 0 else {
            Unmanaged<CurlWorker>.fromOpaque(context).release()
            return end(HTTPClientError(.other, "no thread could be started"))
        }
        pthread_detach(thread)
    }

    private func run() {
        blockSignals()
        guard CurlLibrary.isReady, let pointer = curl_multi_init() else {
            return end(HTTPClientError(.other, "libcurl could not be started"))
        }
        curl_set_multi_long(pointer, CURLMOPT_MAXCONNECTS, max(1, configuration.keptConnections))
        let sockets = CurlSockets(report: report)
        let calls = CurlCalls(multi: pointer, allowsHTTP2: configuration.allowsHTTP2, sockets: sockets)
        while obeyCommands(calls) {
            let patience = calls.advance()
            if fallAsleep(Multi(pointer: pointer)) { curl_multi_poll(pointer, nil, 0, patience, nil) }
        }
        calls.endAll(.shutDown)
        // Which closes the connections, and tells `sockets` of it.
        withExtendedLifetime(sockets) { _ = curl_multi_cleanup(pointer) }
        end(.shutDown)
    }

    /// Returns whether to go on.
    private func obeyCommands(_ calls: CurlCalls) -> Bool {
        let (commands, isStopping) = state.withLock { state in
            defer { (state.commands, state.sleeper) = ([], nil) }
            return (state.commands, state.phase == .stopping)
        }
        for command in commands { calls.obey(command) }
        return !isStopping
    }

    private func fallAsleep(_ multi: Multi) -> Bool {
        state.withLock { state in
            guard state.commands.isEmpty, state.phase == .running else { return false }
            state.sleeper = multi
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

    /// No signal is for this thread, or for those that libcurl starts from it: the program's handlers stay on its own
    /// threads, and a write of OpenSSL's to a closed connection does not end the process.
    private func blockSignals() {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
    }

    /// The multi handle as other threads may use it.
    private struct Multi: @unchecked Sendable {
        // `curl_multi_wakeup` is the one function of libcurl that any thread may call; it is called under the lock, and
        // the thread takes the handle back under the same lock before it frees it.
        let pointer: UnsafeMutableRawPointer

        func wake() {
            curl_multi_wakeup(pointer)
        }
    }
}

/// libcurl's global state, made once and never undone: others in the process may use libcurl too.
private enum CurlLibrary {
    static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
}
