import Glibc

/// An event loop that works for others besides what else it does: what a connection of theirs brings is worked on where it
/// comes, and needs no other thread.
///
/// ```swift
/// loop.execute { MyLoop(loop).adopt() }
/// ```
package protocol WorkingLoop: AnyObject, Sendable {
    /// Loops that live as long as this one, it included: who works on one of them for the first time is made ready on all.
    /// None by default.
    var peers: [any WorkingLoop] { get }

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

extension WorkingLoop {
    /// None.
    package var peers: [any WorkingLoop] { [] }

    /// Has what is begun on this thread, the loop's, worked on there from now on.
    package func adopt() { LoopThread.adopt(self) }
}

/// What is worked on by a loop for as long as its thread lives.
package protocol LoopPart: AnyObject {
    /// The thread ends, and with it all that the loop was to do.
    func loopHasEnded()
}

/// A thread whose event loop works for others, and what it has of each of them. Used on that thread alone.
package final class LoopThread {
    package let loop: any WorkingLoop
    /// By whose it is, who must live as long as it is here.
    package var parts: [ObjectIdentifier: any LoopPart] = [:]

    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key) { thread in
            guard let thread else { return }
            Unmanaged<LoopThread>.fromOpaque(thread).takeRetainedValue().end()
        }
        return status == 0 ? key : nil
    }()

    private init(_ loop: any WorkingLoop) {
        self.loop = loop
    }

    fileprivate static func adopt(_ loop: any WorkingLoop) {
        guard let key, current == nil else { return }
        pthread_setspecific(key, Unmanaged.passRetained(LoopThread(loop)).toOpaque())
    }

    /// That of the thread which asks.
    package static var current: LoopThread? {
        guard let key, let thread = pthread_getspecific(key) else { return nil }
        return Unmanaged<LoopThread>.fromOpaque(thread).takeUnretainedValue()
    }

    private func end() {
        for part in parts.values { part.loopHasEnded() }
    }
}
