/// A stage that answers the client.
public protocol ReplyStage: Stage {
    /// Whether it lets an answer's pieces leave for the client as they come; `false` by default.
    var takesDeltas: Bool { get }
}

/// A stage that can send an answer's pieces as they come, by ``Message/deltas``.
public protocol StreamingStage: Stage {
    /// Whether it does, by its settings.
    var sendsDeltas: Bool { get }
}

/// A stage that knows how long one run may take. For `stagecoach explain`.
public protocol BoundedStage: Stage {
    /// How long one run may take at most, by its own settings and those of what it uses; `nil` where nothing bounds it.
    var longestRun: Duration? { get }
}

/// A stage that also runs for an answer that broke off after some of it had left for the client, as one that stores does.
public protocol PartialAnswerStage: Stage {}

extension StreamingStage {
    /// Missing: a stage that streams says so itself.
    @available(*, unavailable, message: "a StreamingStage has 'var sendsDeltas: Bool'")
    public var sendsDeltas: Bool { false }
}

extension BoundedStage {
    /// Missing: a stage that is bounded says so itself.
    @available(*, unavailable, message: "a BoundedStage has 'var longestRun: Duration?'")
    public var longestRun: Duration? { nil }
}

/// How the engine asks any stage.
extension Stage {
    /// How long one run may take at most; `nil` where nothing bounds it.
    package var bound: Duration? { (self as? any BoundedStage)?.longestRun }

    /// Whether it sends an answer's pieces as they come.
    package var streams: Bool { (self as? any StreamingStage)?.sendsDeltas ?? false }

    /// Whether it lets pieces leave for the client.
    package var takesPieces: Bool { (self as? any ReplyStage)?.takesDeltas ?? false }

    /// Whether messages are stored by it, so that it waits out an outage.
    package var stores: Bool { self is any StoringStage || self is any BatchStage }
}
