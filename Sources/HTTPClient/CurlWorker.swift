import CCurl
import Glibc
import Synchronization

/// The thread that runs a client's transfers: libcurl's multi interface, woken by commands.
final class CurlWorker: Sendable {
    enum Command {
        case start(Transfer)
        case resume(Transfer)
        case cancel(Transfer)
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
        var multi: Multi?
    }

    private let state = Mutex(State())

    /// Hands a command to the thread, which starts with the first one.
    func submit(_ command: Command) {
        let (isRefused, isFirst) = state.withLock { state in
            if state.phase == .stopping || state.phase == .stopped { return (true, false) }
            state.commands.append(command)
            defer { if state.phase == .idle { state.phase = .running } }
            state.multi?.wake()
            return (false, state.phase == .idle)
        }
        if isFirst { startThread() }
        if isRefused, case .start(let transfer) = command {
            transfer.end(HTTPClientError(.shutDown, "the client was shut down"))
        }
    }

    /// Ends the running transfers and the thread, and calls back when it is done.
    func stop(_ done: @escaping @Sendable () -> Void) {
        let isStopped = state.withLock { state in
            if state.phase == .idle || state.phase == .stopped {
                state.phase = .stopped
                return true
            }
            state.phase = .stopping
            state.onStop.append(done)
            state.multi?.wake()
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
            end()
            return
        }
        pthread_detach(thread)
    }

    private func run() {
        guard CurlLibrary.isReady, let pointer = curl_multi_init() else { return end() }
        let multi = Multi(pointer: pointer)
        curl_set_multi_long(pointer, CURLMOPT_MAXCONNECTS, 1_024)
        state.withLock { $0.multi = multi }
        var transfers = CurlTransfers(multi: pointer)
        while true {
            let (commands, isStopping) = state.withLock { state in
                defer { state.commands.removeAll(keepingCapacity: true) }
                return (state.commands, state.phase == .stopping)
            }
            for command in commands { transfers.obey(command) }
            if isStopping { break }
            transfers.advance()
            curl_multi_poll(pointer, nil, 0, transfers.patience, nil)
        }
        transfers.endAll(HTTPClientError(.shutDown, "the client was shut down"))
        state.withLock { $0.multi = nil }
        curl_multi_cleanup(pointer)
        end()
    }

    private func end() {
        let (commands, callbacks) = state.withLock { state in
            state.phase = .stopped
            defer { (state.commands, state.onStop) = ([], []) }
            return (state.commands, state.onStop)
        }
        for case .start(let transfer) in commands {
            transfer.end(HTTPClientError(.shutDown, "the client was shut down"))
        }
        for callback in callbacks { callback() }
    }

    /// The multi handle as other threads may use it.
    private struct Multi: @unchecked Sendable {
        // `curl_multi_wakeup` is the one function of libcurl that any thread may call; it is called under the lock that
        // takes the handle away before it is freed.
        let pointer: UnsafeMutableRawPointer

        func wake() {
            curl_multi_wakeup(pointer)
        }
    }
}

/// libcurl's global state, made once.
private enum CurlLibrary {
    static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
}
