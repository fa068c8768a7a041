public import Logging

/// One step of a pipeline: it gets a message, may change it, and hands it on by returning.
///
/// The whole of one:
///
/// ```swift
/// import Pipeline
///
/// /// Shouts the prompt.
/// struct Shout: Stage {
///     static let name = "shout"
///
///     @Setting("How many exclamation marks to add.") var marks = 1
///
///     var requires: Fields { [.prompt] }
///
///     func run(_ message: inout Message) async throws {
///         message.prompt = message.prompt.uppercased() + String(repeating: "!", count: marks)
///     }
/// }
/// ```
///
/// `timeout`, `retry`, `when`, `on_error`, `async` and `label` come from the engine; a stage need not know of them.
/// Many messages may run through one stage at the same time; state of its own belongs behind `@State`.
public protocol Stage: Configurable {
    /// Its name in pipeline files.
    static var name: String { get }

    /// What it does, in one sentence, for `stagecoach stages`.
    static var summary: String { get }

    /// Its entry in a list of stages, to copy from `stagecoach stages NAME`, such as `- shout: {marks: 2}`; made from its
    /// settings where it is empty.
    static var example: String { get }

    /// Whether messages come in or answers go out here. Most stages do neither.
    static var role: StageRole { get }

    /// The fields that must be there when it runs; checked before the host starts.
    var requires: Fields { get }

    /// The fields that are there for certain once it has run.
    var provides: Fields { get }

    /// How long one run may take at most, by its own settings and those of what it uses; `nil` where nothing bounds it.
    /// For `stagecoach explain`.
    var longestRun: Duration? { get }

    /// Whether it sends an answer's pieces as they come, by ``Message/deltas``.
    var sendsDeltas: Bool { get }

    /// Whether it lets an answer's pieces leave for the client as they come.
    var takesDeltas: Bool { get }

    /// Whether it also runs for an answer that broke off after some of it had left for the client.
    static var takesPartialAnswers: Bool { get }

    /// Makes it ready. Called once, after every resource is open.
    ///
    /// - Throws: What must stop the host from starting, with what to do about it.
    func open(_ context: StageContext) async throws

    /// Works on a message. Runs on the connection's event loop: it may wait, but must not block the thread.
    ///
    /// - Throws: ``PipelineError`` to choose code and text; anything else becomes `stage_failed`.
    func run(_ message: inout Message) async throws

    /// Does what ``run(_:)`` does, where that needs no waiting, and says whether it did. A message that no stage waits
    /// with costs no task. A stage need not have it: without it `run` is called.
    ///
    /// - Returns: `true` once the stage is done with the message; `false`, with the message as it was, where it would
    ///   have to wait, so that `run` is called.
    /// - Throws: As ``run(_:)``.
    func runWithoutWaiting(_ message: inout Message) throws -> Bool

    /// Ends it. Called once after ``open(_:)``, also after a failed one.
    func close() async
}

extension Stage {
    /// No sentence.
    public static var summary: String { "" }

    /// Made from its settings.
    public static var example: String { "" }

    /// Neither entry nor reply.
    public static var role: StageRole { .work }

    /// Nothing.
    public var requires: Fields { [] }

    /// Nothing.
    public var provides: Fields { [] }

    /// Nothing bounds it.
    public var longestRun: Duration? { nil }

    /// Sends none.
    public var sendsDeltas: Bool { false }

    /// Lets none through.
    public var takesDeltas: Bool { false }

    /// Does not.
    public static var takesPartialAnswers: Bool { false }

    /// Nothing to make ready.
    public func open(_ context: StageContext) async throws {}

    /// Always waits.
    public func runWithoutWaiting(_ message: inout Message) throws -> Bool { false }

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

/// Where a stage stands between client and pipeline.
public enum StageRole: Sendable {
    /// Messages come in here: it stands first, once.
    case entry
    /// Works on messages.
    case work
    /// Answers the client.
    case reply
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
    public let pending: PendingMessages
    /// Which models of the same chain answer in place of which.
    package let alternatives: ModelAlternatives

    /// The surroundings of a stage by its label, also for tests of one.
    public init(label: String, pipeline: String = "chain", pending: PendingMessages = PendingMessages()) {
        self.init(
            label: label, pipeline: pipeline, pending: pending, alternatives: ModelAlternatives(of: []), logger: .engine
        )
    }

    init(
        label: String, pipeline: String, pending: PendingMessages, alternatives: ModelAlternatives, logger: Logger
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
