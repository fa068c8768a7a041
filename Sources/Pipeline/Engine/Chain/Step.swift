/// A stage with its modifiers: what a chain is made of.
public struct Step: Sendable {
    /// The stage.
    public var stage: any Stage {
        didSet { nature = Nature(of: stage) }
    }

    /// What the stage is. The wiring asks again and again, and a cast that fails is slow.
    private var nature: Nature

    private struct Nature {
        let isComposite: Bool
        let isEntry: Bool
        let isReply: Bool

        init(of stage: any Stage) {
            isComposite = stage is any CompositeStage
            isEntry = stage is any EntryStage
            isReply = stage is any ReplyStage
        }
    }

    /// Whether messages come in here.
    var isEntry: Bool { nature.isEntry }

    /// Whether the stage itself answers the client.
    var isReply: Bool { nature.isReply }

    /// What the engine does around it.
    public var modifiers = Modifiers()

    /// The stage's name in the pipeline file; `nil` in a chain written in Swift.
    var place: SourceRange?

    /// Where it is written, for the end of a sentence, where that is another file than the pipeline's.
    var origin: String?

    /// Whether everything that the file says of it could be read; `true` in a chain written in Swift.
    var isWhole = true

    /// The fields that its templates name; none in a chain written in Swift.
    var fieldUses: [FieldUse] = []

    /// What the file says of it; `nil` in a chain written in Swift.
    var source: Node?

    /// A stage without modifiers.
    public init(_ stage: any Stage) {
        self.stage = stage
        nature = Nature(of: stage)
        if let background = stage as? InBackground { modifiers.async = background.policy }
    }

    /// The stage, where it is one that holds others.
    var composite: (any CompositeStage)? { nature.isComposite ? stage as? any CompositeStage : nil }

    /// The stage and those inside it: those that it holds, and those of its error policy.
    var allStages: [any Stage] {
        var inner = composite?.branches.flatMap(\.steps) ?? []
        if case .run(let steps) = modifiers.onError { inner += steps }
        return [stage] + inner.flatMap(\.allStages)
    }

    /// The stage's name.
    var name: String { type(of: stage).name }

    private func with<Value>(_ path: WritableKeyPath<Modifiers, Value>, _ value: Value) -> Step {
        var copy = self
        copy.modifiers[keyPath: path] = value
        return copy
    }

    /// Gives it a name for logs and graphs.
    public func label(_ label: String) -> Step { with(\.label, label) }

    /// Puts it behind a queue.
    public func async(_ policy: AsyncPolicy = AsyncPolicy()) -> Step { with(\.async, policy) }

    /// Limits one run of it.
    public func timeout(_ limit: Duration) -> Step { with(\.timeout, limit) }

    /// Runs it again after errors that may pass.
    public func retry(_ policy: RetryPolicy = RetryPolicy()) -> Step { with(\.retry, policy) }

    /// Runs it for some messages only.
    public func when(_ condition: Condition) -> Step { with(\.when, condition) }

    /// Says what happens after an error.
    public func onError(_ policy: ErrorPolicy) -> Step { with(\.onError, policy) }
}

/// The modifiers of ``Step``, on the stage itself.
extension Stage {
    /// Gives it a name for logs and graphs.
    public func label(_ label: String) -> Step { Step(self).label(label) }

    /// Puts it behind a queue.
    public func async(_ policy: AsyncPolicy = AsyncPolicy()) -> Step { Step(self).async(policy) }

    /// Limits one run of it.
    public func timeout(_ limit: Duration) -> Step { Step(self).timeout(limit) }

    /// Runs it again after errors that may pass.
    public func retry(_ policy: RetryPolicy = RetryPolicy()) -> Step { Step(self).retry(policy) }

    /// Runs it for some messages only.
    public func when(_ condition: Condition) -> Step { Step(self).when(condition) }

    /// Says what happens after an error.
    public func onError(_ policy: ErrorPolicy) -> Step { Step(self).onError(policy) }
}

/// Writes a chain in Swift: `Chain { Receive(); Validate(); Complete(); Persist().async(); Respond() }`.
@resultBuilder
public enum ChainBuilder {
    /// A stage without modifiers.
    public static func buildExpression(_ stage: any Stage) -> [Step] { [Step(stage)] }

    /// A stage with modifiers.
    public static func buildExpression(_ step: Step) -> [Step] { [step] }

    /// Steps that were built elsewhere.
    public static func buildExpression(_ steps: [Step]) -> [Step] { steps }

    /// One after the other.
    public static func buildBlock(_ parts: [Step]...) -> [Step] { parts.flatMap(\.self) }

    /// A part that may be left out.
    public static func buildOptional(_ part: [Step]?) -> [Step] { part ?? [] }

    /// One of two parts.
    public static func buildEither(first part: [Step]) -> [Step] { part }

    /// One of two parts.
    public static func buildEither(second part: [Step]) -> [Step] { part }

    /// Parts made by a loop.
    public static func buildArray(_ parts: [[Step]]) -> [Step] { parts.flatMap(\.self) }
}
