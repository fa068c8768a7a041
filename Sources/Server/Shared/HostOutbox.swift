import Synchronization

/// Keeps what is said to a host back until it may be said.
final class HostOutbox: Sendable {
    private let waiting = Mutex<[@Sendable () -> Void]?>([])

    /// Says something, after what was said before.
    func add(_ say: @escaping @Sendable () -> Void) {
        waiting.withLock { waiting in
            if waiting == nil { say() } else { waiting?.append(say) }
        }
    }

    /// From now on everything is said at once.
    func open() {
        waiting.withLock { waiting in
            for say in waiting ?? [] { say() }
            waiting = nil
        }
    }
}

/// Stands for a client of another host.
final class HostClient: Sendable {}
