import Pipeline
import Synchronization

/// What a stage remembers of the chain it was opened in.
final class ChainLink: Sendable {
    private let value = Mutex(StageContext.PendingMessages())

    var pending: StageContext.PendingMessages { value.withLock(\.self) }

    func set(_ pending: StageContext.PendingMessages) {
        value.withLock { $0 = pending }
    }
}
