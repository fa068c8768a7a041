public import Logging

/// What stages share: a model API, a database, a queue.
///
/// A resource is opened before the first message and closed after the last. One that can't be reached is no reason to
/// fail in ``open(_:)``: it keeps trying by itself and says how it is in ``health``.
public protocol Resource: Configurable {
    /// Its type in pipeline files: `sqlite` in `database: {sqlite: {path: …}}`.
    static var name: String { get }

    /// What kind of resource it is, in a word: `model`, `database` or `queue`; `resource` where its protocol says nothing.
    static var kind: String { get }

    /// What it is, in one sentence, for `stagecoach stages`.
    static var summary: String { get }

    /// Its entry under a name, to copy from `stagecoach stages NAME`, such as `sqlite: {path: data/chat.db}`; made from its
    /// settings where it is empty.
    static var example: String { get }

    /// How it is, from what it knows already: read for every message, so it never waits for anyone. At most 2 s old, but
    /// where ``isHealthFresh`` says otherwise.
    var health: Health { get }

    /// Whether ``health`` is at most 2 s old. Always so by default; not where a resource isn't asked while nobody needs it.
    var isHealthFresh: Bool { get }

    /// Asks how it is, where ``isHealthFresh`` is false.
    func refreshHealth() async

    /// How long ``refreshHealth()`` may take: 1 s at most; 0 by default.
    var longestRefresh: Duration { get }

    /// Makes it ready. Called once, before any stage is opened.
    ///
    /// - Throws: What must stop the host from starting, with what to do about it.
    func open(_ context: ResourceContext) async throws

    /// Ends it. Called once after ``open(_:)``, also after a failed one.
    func close() async
}

extension Resource {
    /// One of no kind that has a word.
    public static var kind: String { "resource" }

    /// No sentence.
    public static var summary: String { "" }

    /// Made from its settings.
    public static var example: String { "" }

    /// Always ready.
    public var health: Health { .ready }

    /// Always.
    public var isHealthFresh: Bool { true }

    /// Nothing to ask.
    public func refreshHealth() async {}

    /// No time.
    public var longestRefresh: Duration { .zero }

    /// Nothing to make ready.
    public func open(_ context: ResourceContext) async throws {}

    /// Nothing to end.
    public func close() async {}
}

/// What a resource knows of its surroundings when it is opened.
public struct ResourceContext: Sendable {
    /// Its name under `resources:`.
    public let name: String
    /// Where it says what it does; carries its name.
    public let logger: Logger

    /// The surroundings of a resource by its name, also for tests of one.
    public init(name: String) {
        self.name = name
        var logger = Logger.engine
        logger[metadataKey: "resource"] = "\(name)"
        self.logger = logger
    }
}

/// How a resource is.
public enum Health: Sendable, Equatable {
    /// It can be used.
    case ready
    /// It can't be used; what the client is told.
    case failing(PipelineError)

    /// The error, where there is one.
    public var error: PipelineError? {
        if case .failing(let error) = self { error } else { nil }
    }
}
