public import Pipeline

/// Sends the answer to the client.
public struct Respond: Stage {
    public static let name = "respond"
    public static let summary = "Sends the answer back on the connection that the message came from."
    public static let role = StageRole.reply

    public init() {}

    public var requires: Fields { [.completion] }

    public var longestRun: Duration? { .zero }

    public func run(_ message: inout Message) async throws {
        message.reply?.answer(message)
    }

    public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        message.reply?.answer(message)
        return true
    }
}
