/// A stage that never waits: its ``run(_:)`` is not `async`, so that a message needs no task to run through it.
///
/// ```swift
/// struct Shout: ImmediateStage {
///     static let name = "shout"
///
///     func run(_ message: inout Message) throws { message.prompt = message.prompt.uppercased() }
/// }
/// ```
public protocol ImmediateStage: OftenImmediateStage {
    /// Works on a message, as a stage's other `run` does. It must not block the thread.
    ///
    /// - Throws: ``PipelineError`` to choose code and text; anything else becomes `stage_failed`.
    func run(_ message: inout Message) throws
}

extension ImmediateStage {
    /// Always done.
    @inlinable public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        try run(&message)
        return true
    }
}

/// A stage that need not wait for most messages, such as one that looks into a cache first.
public protocol OftenImmediateStage: Stage {
    /// Does what ``Stage/run(_:)`` does, where that needs no waiting, and says whether it did. A message that waits in no
    /// stage costs no task.
    ///
    /// - Returns: `true` once the stage is done with the message; `false`, with the message as it was, where it would
    ///   have to wait, so that `run` is called.
    /// - Throws: As ``Stage/run(_:)``.
    func runWithoutWaiting(_ message: inout Message) throws -> Bool
}

/// In place of a stage that waits for every message.
struct AlwaysWaiting: OftenImmediateStage {
    static let name = "always_waiting"

    func run(_ message: inout Message) async throws {}

    func runWithoutWaiting(_ message: inout Message) throws -> Bool { false }
}
