/// Why a message could not be worked on: a stable code, a text that clients may see, and what only the log may say.
public struct PipelineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A stable code. More may come; a reader treats one it doesn't know as `stage_failed`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code as it goes over the wire.
        public let rawValue: String

        /// A code of one's own, in snake case.
        public init(_ rawValue: String) {
            self.rawValue = rawValue
        }

        /// The code as it goes over the wire.
        public var description: String { rawValue }

        /// The model's API key is not set.
        public static let modelKeyMissing = Code("model_key_missing")
        /// The model's API refused the key.
        public static let modelUnauthorized = Code("model_unauthorized")
        /// The model did not answer in time.
        public static let modelTimeout = Code("model_timeout")
        /// The model's API asks to slow down.
        public static let modelRateLimited = Code("model_rate_limited")
        /// The model's API can't be reached, fails, or breaks off.
        public static let modelUnavailable = Code("model_unavailable")
        /// The model's API answered with something that is no answer.
        public static let modelBadResponse = Code("model_bad_response")
        /// A filter of the model's API left nothing of the answer.
        public static let modelFiltered = Code("model_filtered")
        /// The database can't be reached or written to.
        public static let databaseUnavailable = Code("database_unavailable")
        /// The client sent something that is not JSON.
        public static let invalidJSON = Code("invalid_json")
        /// The client sent JSON that is no message, or a message without a prompt.
        public static let invalidMessage = Code("invalid_message")
        /// The prompt is longer than the pipeline allows.
        public static let tooLong = Code("too_long")
        /// The client sends more in a time than the pipeline takes.
        public static let rateLimited = Code("rate_limited")
        /// The client has used up its tokens for the period.
        public static let budgetSpent = Code("budget_spent")
        /// More is waiting than the pipeline takes.
        public static let busy = Code("busy")
        /// The client cancelled the message or left.
        public static let cancelled = Code("cancelled")
        /// A stage failed in a way that has no code of its own.
        public static let stageFailed = Code("stage_failed")
        /// A stage ran past its `timeout`.
        public static let timeout = Code("timeout")
        /// The host is stopping.
        public static let stopping = Code("stopping")

        /// What only the client can mend, or wanted.
        static let ofClients: Set<Code> = [
            .invalidJSON, .invalidMessage, .tooLong, .rateLimited, .budgetSpent, .cancelled,
        ]

        /// Every code of the engine's own.
        static let known: [Code] = [
            .modelKeyMissing, .modelUnauthorized, .modelTimeout, .modelRateLimited, .modelUnavailable,
            .modelBadResponse, .modelFiltered, .databaseUnavailable, .invalidJSON, .invalidMessage, .tooLong,
            .rateLimited, .budgetSpent, .busy, .cancelled, .stageFailed, .timeout, .stopping,
        ]
    }

    /// What kind of failure it is.
    public var code: Code { storage.parts.code }

    /// What the client is told. Holds no key, internal address or stack.
    public var message: String { storage.parts.message }

    /// Whether the same message may succeed when tried again.
    public var isRetryable: Bool { storage.parts.isRetryable }

    /// What the log says besides; never sent to a client.
    public var detail: String? { storage.parts.detail }

    /// How long to wait before another try, where somebody said so.
    public var retryAfter: Duration? {
        get { storage.parts.retryAfter }
        set { change { $0.retryAfter = newValue } }
    }

    /// The label of the step that failed; set by the engine.
    public internal(set) var stage: String? {
        get { storage.parts.stage }
        set { change { $0.stage = newValue } }
    }

    /// Whether a run ended at its deadline because a stage that stores got no answer from where it stores.
    var isUnansweredStore: Bool {
        get { storage.parts.isUnansweredStore }
        set { change { $0.isUnansweredStore = newValue } }
    }

    /// In one reference: each call that may throw it keeps room for it, as long as a message waits.
    private var storage: Storage

    /// An error. The message is sent to clients, the detail is only logged.
    public init(_ code: Code, _ message: String, isRetryable: Bool = false, detail: String? = nil) {
        storage = Storage(Parts(code: code, message: message, isRetryable: isRetryable, detail: detail))
    }

    /// By what they hold.
    public static func == (left: PipelineError, right: PipelineError) -> Bool {
        left.storage.parts == right.storage.parts
    }

    private mutating func change(_ change: (inout Parts) -> Void) {
        var parts = storage.parts
        change(&parts)
        storage = Storage(parts)
    }

    /// Whether a resource is down, which is not this message's fault: behind a queue such a message waits. So it is where a
    /// stage that stores is stopped by its `timeout`.
    public var isOutage: Bool { code == .databaseUnavailable || isUnansweredStore }

    /// Code, stage, message and detail, for logs.
    public var description: String {
        let place = stage.map { " in '\($0)'" } ?? ""
        return "\(code)\(place): \(message)" + (detail.map { " (\($0))" } ?? "")
    }

    /// Makes a pipeline error of anything a stage throws, and says which step threw it.
    package init(_ error: any Error, stage label: String) {
        switch error {
        case let error as PipelineError:
            self = error
            stage = error.stage ?? label
        case is CancellationError:
            self = .cancelled
            stage = label
        default:
            self.init(.stageFailed, "The message could not be processed", detail: "\(type(of: error)): \(error)")
            stage = label
        }
    }
}

extension PipelineError {
    /// The text is fixed by the wire contract.
    public static let modelKeyMissing = PipelineError(.modelKeyMissing, "OpenAI client not initialized")

    /// The message was cancelled, or its client left.
    public static let cancelled = PipelineError(.cancelled, "The message was cancelled")

    /// The host drains; the client may try another or come back.
    public static let stopping = PipelineError(.stopping, "The server is stopping", isRetryable: true)

    /// The text is fixed by the wire contract; `detail` says what the database said.
    public static func databaseUnavailable(_ detail: String) -> PipelineError {
        PipelineError(.databaseUnavailable, "Database not connected", isRetryable: true, detail: detail)
    }
}

extension PipelineError {
    private struct Parts: Sendable, Equatable {
        let code: Code
        let message: String
        let isRetryable: Bool
        let detail: String?
        var retryAfter: Duration?
        var stage: String?
        var isUnansweredStore = false
    }

    private final class Storage: Sendable {
        let parts: Parts

        init(_ parts: Parts) {
            self.parts = parts
        }
    }
}
