import Glibc

/// An event loop that makes calls besides what else it does: what a call on its thread brings is worked on where it comes,
/// and needs no other thread.
///
/// ```swift
/// loop.execute { MyLoop(loop).adopt() }
/// ```
package protocol HTTPClientLoop: AnyObject, Sendable {
    /// Loops that live as long as this one, it included: a client that makes its first call on one of them is made ready
    /// on all. None by default.
    var peers: [any HTTPClientLoop] { get }

    /// Runs work on the loop's thread, from any thread.
    func execute(_ work: @escaping @Sendable () -> Void)

    /// Runs work after a while. Called on the loop's thread.
    ///
    /// - Returns: What takes that back.
    func execute(after delay: Duration, _ work: @escaping @Sendable () -> Void) -> () -> Void

    /// Reads a descriptor of `eventfd` or `timerfd`, eight bytes at a time, whenever it is readable, and runs work then; the
    /// descriptor is the loop's from now on. Called on the loop's thread.
    ///
    /// - Returns: What ends that and closes the descriptor; `nil` where it can't be, and the descriptor is the caller's.
    func watch(_ bell: Int32, _ work: @escaping @Sendable () -> Void) -> (() -> Void)?
}

extension HTTPClientLoop {
    /// None.
    package var peers: [any HTTPClientLoop] { [] }

    /// Has the calls that are made on this thread, the loop's, run on it from now on.
    package func adopt() { LoopThread.adopt(self) }
}

/// A thread whose event loop makes calls, and the clients' calls there. Used on that thread alone.
final class LoopThread {
    let loop: any HTTPClientLoop
    private var runners: [ObjectIdentifier: CurlLoop] = [:]

    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key) { thread in
            guard let thread else { return }
            Unmanaged<LoopThread>.fromOpaque(thread).takeRetainedValue().end()
        }
        return status == 0 ? key : nil
    }()

    private init(_ loop: any HTTPClientLoop) {
        self.loop = loop
    }

    static func adopt(_ loop: any HTTPClientLoop) {
        guard let key, current == nil else { return }
        pthread_setspecific(key, Unmanaged.passRetained(LoopThread(loop)).toOpaque())
    }

    /// That of the thread which asks.
    static var current: LoopThread? {
        guard let key, let thread = pthread_getspecific(key) else { return nil }
        return Unmanaged<LoopThread>.fromOpaque(thread).takeUnretainedValue()
    }

    func runner(of client: CallRunners) -> CurlLoop? { runners[ObjectIdentifier(client)] }

    func add(_ runner: CurlLoop, of client: CallRunners) { runners[ObjectIdentifier(client)] = runner }

    func remove(_ runner: CurlLoop) {
        runners = runners.filter { $0.value !== runner }
    }

    /// The thread ends, though clients may not have been shut down.
    private func end() {
        for runner in runners.values { runner.end(withLoop: true) }
    }
}
