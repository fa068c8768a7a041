import Pipeline
import Synchronization

/// What a stage remembers of the chain it was opened in.
final class Surroundings: Sendable {
    private let value = Mutex(PendingMessages())

    var pending: PendingMessages { value.withLock(\.self) }

    func set(_ pending: PendingMessages) {
        value.withLock { $0 = pending }
    }
}
