public import Logging

/// One step of a pipeline: it gets a message, may change it, and hands it on by returning.
///
/// The whole of one:
///
/// ```swift
/// import Pipeline
///
/// /// Shouts the prompt.
/// struct Shout: ImmediateStage {
///     static let name = "shout"
///
///     @Setting("How many exclamation marks to add.") var marks = 1
///
///     var requires: Fields { [.prompt] }
///
///     func run(_ message: inout Message) throws {
///         message.prompt = message.prompt.uppercased() + String(repeating: "!", count: marks)
///     }
/// }
/// ```
///
/// A stage that waits, for a resource or the network, is a `Stage` whose `run` is `async throws`.
///
/// `timeout`, `retry`, `when`, `on_error`, `async` and `label` come from the engine; a stage need not know of them.
/// Many messages may run through one stage at the same time; state of its own belongs behind `@State`.
///
/// What only some stages do has a protocol of its own: ``EntryStage``, ``ReplyStage``, ``AskingStage``, ``StoringStage``,
/// ``BatchStage``, ``BoundedStage``, ``StreamingStage``, ``PartialAnswerStage`` and ``SupervisedStage``.
public protocol Stage: Configurable, _OptInMembers {
    /// Its name in pipeline files.
    static var name: String { get }

    /// What it does, in one sentence, for `stagecoach stages`.
    static var summary: String { get }

    /// Its entry in a list of stages, to copy from `stagecoach stages NAME`, such as `- shout: {marks: 2}`; made from its
    /// settings where it is empty.
    static var example: String { get }

    /// The fields that must be there when it runs; checked before the host starts.
    var requires: Fields { get }

    /// The fields that are there for certain once it has run.
    var provides: Fields { get }

    /// Makes it ready. Called once, after every resource is open.
    ///
    /// - Throws: What must stop the host from starting, with what to do about it.
    func open(_ context: StageContext) async throws

    /// Works on a message. Runs on the connection's event loop: it may wait, but must not block the thread. A stage that
    /// never waits is an ``ImmediateStage``, whose `run` is not `async`.
    ///
    /// - Throws: ``PipelineError`` to choose code and text; anything else becomes `stage_failed`.
    func run(_ message: inout Message) async throws

    /// Ends it. Called once after ``open(_:)``, also after a failed one.
    func close() async
}

extension Stage {
    /// No sentence.
    public static var summary: String { "" }

    /// Made from its settings.
    public static var example: String { "" }

    /// Nothing.
    public var requires: Fields { [] }

    /// Nothing.
    public var provides: Fields { [] }

    /// Nothing to make ready.
    public func open(_ context: StageContext) async throws {}

    /// Missing: each stage has its own.
    @available(*, unavailable, message: "a stage has 'func run(_ message: inout Message) async throws'")
    public func run(_ message: inout Message) async throws {}

    /// Nothing to end.
    public func close() async {}
}

/// A stage that works on several messages at once cheaper than one by one. Behind a queue it gets them in batches.
public protocol BatchStage: Stage {
    /// Works on messages that wait together. It can't change them: nothing comes after it.
    ///
    /// - Throws: Where not all could be worked on; each is then tried alone, so working on one twice must do no harm.
    func run(batch: [Message]) async throws
}

/// A stage that depends on something which may be down, such as a program of its own.
public protocol SupervisedStage: Stage {
    /// How that is, from what is known already: it never asks anyone.
    var health: Health { get }
}

/// What a stage knows of its surroundings when it is opened.
public struct StageContext: Sendable {
    /// The name of its pipeline.
    public let pipeline: String
    /// Its label.
    public let label: String
    /// Where it says what it does; carries its label.
    public let logger: Logger
    /// What waits in the queues of the same chain.
    public let pending: StageContext.PendingMessages
    /// Which models of the same chain answer in place of which.
    package let alternatives: ModelAlternatives

    /// The surroundings of a stage by its label, also for tests of one.
    public init(
        label: String, pipeline: String = "chain",
        pending: StageContext.PendingMessages = StageContext.PendingMessages()
    ) {
        self.init(
            label: label, pipeline: pipeline, pending: pending, alternatives: ModelAlternatives(of: []), logger: .engine
        )
    }

    init(
        label: String, pipeline: String, pending: StageContext.PendingMessages, alternatives: ModelAlternatives,
        logger: Logger
    ) {
        self.label = label
        self.pipeline = pipeline
        self.pending = pending
        self.alternatives = alternatives
        var logger = logger
        logger[metadataKey: "stage"] = "\(label)"
        self.logger = logger
    }
}
