import Synchronization

/// Who looks at the messages that a step has worked on.
package final class StepTap: Sendable {
    /// Which look it is, to end it by.
    package struct ID: Hashable, Sendable {
        fileprivate let number: Int
    }

    /// A message that a step has worked on.
    package struct Sight {
        /// The message, as the step leaves it.
        package let message: Message
        /// How long the step took, in nanoseconds; 0 where nobody takes metrics.
        package let nanoseconds: UInt64
        /// Why the step failed; `nil` where it did not.
        package let error: PipelineError?
    }

    /// Is shown each message, on whatever thread works on it: it must return at once.
    package typealias Look = @Sendable (Sight) -> Void

    private struct State {
        var looks: [ID: Look] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// - Parameter change: Called with whether anybody looks now.
    func add(_ look: @escaping Look, _ change: (Bool) -> Void) -> ID {
        state.withLock { state in
            state.count += 1
            let id = ID(number: state.count)
            state.looks[id] = look
            change(true)
            return id
        }
    }

    func remove(_ id: ID, _ change: (Bool) -> Void) {
        state.withLock { state in
            state.looks[id] = nil
            change(!state.looks.isEmpty)
        }
    }

    func show(_ sight: Sight) {
        for look in state.withLock({ Array($0.looks.values) }) { look(sight) }
    }
}
