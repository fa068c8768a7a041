import Synchronization

/// What was opened and must be closed, also when opening failed half-way.
final class OpenedParts: Sendable {
    private let closers = Mutex<[@Sendable () async -> Void]>([])

    func add(_ close: @escaping @Sendable () async -> Void) {
        closers.withLock { $0.append(close) }
    }

    func takeAll() -> [@Sendable () async -> Void] {
        closers.withLock { closers in
            defer { closers = [] }
            return closers
        }
    }
}
