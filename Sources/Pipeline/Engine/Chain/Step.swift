extension Chain {
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
        public var modifiers = Chain.Modifiers()

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
            if let background = stage as? Chain.InBackground { modifiers.async = background.policy }
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

        private func with<Value>(_ path: WritableKeyPath<Chain.Modifiers, Value>, _ value: Value) -> Chain.Step {
            var copy = self
            copy.modifiers[keyPath: path] = value
            return copy
        }

        /// Gives it a name for logs and graphs.
        public func label(_ label: String) -> Chain.Step { with(\.label, label) }

        /// Puts it behind a queue.
        public func async(_ policy: Chain.AsyncPolicy = Chain.AsyncPolicy()) -> Chain.Step { with(\.async, policy) }

        /// Limits one run of it.
        public func timeout(_ limit: Duration) -> Chain.Step { with(\.timeout, limit) }

        /// Runs it again after errors that may pass.
        public func retry(_ policy: Chain.RetryPolicy = Chain.RetryPolicy()) -> Chain.Step { with(\.retry, policy) }

        /// Runs it for some messages only.
        public func when(_ condition: Chain.Condition) -> Chain.Step { with(\.when, condition) }

        /// Says what happens after an error.
        public func onError(_ policy: Chain.ErrorPolicy) -> Chain.Step { with(\.onError, policy) }
    }
}

/// The modifiers of ``Chain/Step``, on the stage itself.
extension Stage {
    /// Gives it a name for logs and graphs.
    public func label(_ label: String) -> Chain.Step { Chain.Step(self).label(label) }

    /// Puts it behind a queue.
    public func async(_ policy: Chain.AsyncPolicy = Chain.AsyncPolicy()) -> Chain.Step {
        Chain.Step(self).async(policy)
    }

    /// Limits one run of it.
    public func timeout(_ limit: Duration) -> Chain.Step { Chain.Step(self).timeout(limit) }

    /// Runs it again after errors that may pass.
    public func retry(_ policy: Chain.RetryPolicy = Chain.RetryPolicy()) -> Chain.Step {
        Chain.Step(self).retry(policy)
    }

    /// Runs it for some messages only.
    public func when(_ condition: Chain.Condition) -> Chain.Step { Chain.Step(self).when(condition) }

    /// Says what happens after an error.
    public func onError(_ policy: Chain.ErrorPolicy) -> Chain.Step { Chain.Step(self).onError(policy) }
}

extension Chain {
    /// Writes a chain in Swift: `Chain { Receive(); Validate(); Complete(); Persist().async(); Respond() }`.
    @resultBuilder
    public enum Builder {
        /// A stage without modifiers.
        public static func buildExpression(_ stage: any Stage) -> [Chain.Step] { [Chain.Step(stage)] }

        /// A stage with modifiers.
        public static func buildExpression(_ step: Chain.Step) -> [Chain.Step] { [step] }

        /// Steps that were built elsewhere.
        public static func buildExpression(_ steps: [Chain.Step]) -> [Chain.Step] { steps }

        /// One after the other.
        public static func buildBlock(_ parts: [Chain.Step]...) -> [Chain.Step] { parts.flatMap(\.self) }

        /// A part that may be left out.
        public static func buildOptional(_ part: [Chain.Step]?) -> [Chain.Step] { part ?? [] }

        /// One of two parts.
        public static func buildEither(first part: [Chain.Step]) -> [Chain.Step] { part }

        /// One of two parts.
        public static func buildEither(second part: [Chain.Step]) -> [Chain.Step] { part }

        /// Parts made by a loop.
        public static func buildArray(_ parts: [[Chain.Step]]) -> [Chain.Step] { parts.flatMap(\.self) }
    }
}
