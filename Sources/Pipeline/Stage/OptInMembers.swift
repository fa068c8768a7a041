import Synchronization

/// Members that mean something only beside their protocol.
///
/// The engine asks ``BoundedStage``, ``StreamingStage``, ``ReplyStage`` and ``ImmediateStage`` alone. A stage that has
/// one of their members and not the protocol compiles, and what the member says would be ignored; the conformance suite finds
/// that: such a member is the witness here, and no default says that it was called. A `run` without `async` is one of them: in
/// a stage that is no ``ImmediateStage`` it works, but each message costs a task.
public protocol _OptInMembers {
    /// Of ``BoundedStage``.
    var longestRun: Duration? { get }
    /// Of ``StreamingStage``.
    var sendsDeltas: Bool { get }
    /// Of ``ReplyStage``.
    var takesDeltas: Bool { get }
    /// Of ``OftenImmediateStage``.
    func runWithoutWaiting(_ message: inout Message) throws -> Bool
    /// Of ``ImmediateStage``.
    func run(_ message: inout Message) throws
    /// Of ``PartialAnswerStage``.
    static var takesPartialAnswers: Bool { get }
}

extension _OptInMembers {
    /// Nothing is known.
    public var longestRun: Duration? {
        AbsentMember.note()
        return nil
    }

    /// Sends none.
    public var sendsDeltas: Bool {
        AbsentMember.note()
        return false
    }

    /// Lets none through.
    public var takesDeltas: Bool {
        AbsentMember.note()
        return false
    }

    /// Always waits.
    public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        AbsentMember.note()
        return false
    }

    /// Can't: such a stage waits.
    public func run(_ message: inout Message) throws {
        AbsentMember.note()
        throw PipelineError(
            .stageFailed, "The message could not be processed", detail: "the stage waits: 'await' its run")
    }

    /// Does not.
    public static var takesPartialAnswers: Bool {
        AbsentMember.note()
        return false
    }
}

/// Whether a stage has a member of its own, or the default.
private enum AbsentMember {
    /// Notes that a default was called; nothing where nobody wants to know.
    @TaskLocal static var seen: Seen?

    final class Seen: Sendable {
        let isDefault = Atomic<Bool>(false)
    }

    static func note() { seen?.isDefault.store(true, ordering: .relaxed) }

    /// Whether what `ask` asks is the stage's own.
    static func isOwn(_ ask: () -> Void) -> Bool {
        let seen = Seen()
        $seen.withValue(seen, operation: ask)
        return !seen.isDefault.load(ordering: .relaxed)
    }
}

extension Stage {
    /// The members that it has without the protocol that they are of, each with that protocol's name.
    ///
    /// - Parameter message: What the stage may be tried with.
    package func ignoredMembers(for message: Message) -> [(member: String, of: String)] {
        var found: [(member: String, of: String)] = []
        func look(_ member: String, of name: String, unless conforms: Bool, _ ask: () -> Void) {
            if !conforms, AbsentMember.isOwn(ask) { found.append((member, name)) }
        }
        look("longestRun", of: "BoundedStage", unless: self is any BoundedStage) { _ = longestRun }
        look("sendsDeltas", of: "StreamingStage", unless: self is any StreamingStage) { _ = sendsDeltas }
        look("takesDeltas", of: "ReplyStage", unless: self is any ReplyStage) { _ = takesDeltas }
        look("runWithoutWaiting", of: "OftenImmediateStage", unless: self is any OftenImmediateStage) {
            var message = message
            _ = try? runWithoutWaiting(&message)
        }
        look("run", of: "ImmediateStage", unless: self is any ImmediateStage) {
            var message = message
            // Without a closure of its own it would be the other one, which waits.
            let run: (inout Message) throws -> Void = { message throws in try self.run(&message) }
            _ = try? run(&message)
        }
        look("takesPartialAnswers", of: "PartialAnswerStage", unless: self is any PartialAnswerStage) {
            _ = Self.takesPartialAnswers
        }
        return found
    }
}
