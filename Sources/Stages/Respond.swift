public import Pipeline

/// Sends the answer to the client.
public struct Respond: ReplyStage, ImmediateStage, BoundedStage {
    public static let name = "respond"
    public static let summary = "Sends the answer back on the connection that the message came from."
    public static let example = "- respond: {stream: false}"

    /// Whether an answer's pieces are sent as they come.
    @Setting("Whether pieces of the answer are sent as they come, to clients that speak JSON.")
    public var stream = false

    public init() {}

    /// Answers, in pieces where `stream` says so.
    public init(stream: Bool) {
        self.stream = stream
    }

    public var requires: Fields { [.completion] }

    public var longestRun: Duration? { .zero }

    public var takesDeltas: Bool { stream }

    public func run(_ message: inout Message) throws {
        message.answer()
    }
}
