public import Logging
public import Pipeline
import Synchronization

/// Writes a line to the log for each message.
public struct Log: ImmediateStage, BoundedStage {
    public static let name = "log"
    public static let summary = "Writes a line to the log for each message; prompts and answers only where asked for."
    public static let example = "- log: {text: answered, level: info, include: [prompt]}"

    /// What of a message can be logged.
    public enum Part: String, CaseIterable, SettingValue {
        /// The prompt.
        case prompt
        /// The answer's text.
        case completion
        /// Who speaks.
        case username
        /// The tokens that the API counted.
        case tokensUsed = "tokens_used"
    }

    /// The line's level.
    @Setting("The line's level.") public var level = Logger.Level.info

    /// The line's text.
    @Setting("The line's text.") public var text = "message"

    /// What of the message is logged.
    @Setting("Which parts of the message are logged besides its ids.") public var include: [Part] = []

    @State private var output = Output()

    public init() {}

    public var longestRun: Duration? { .zero }

    public func open(_ context: StageContext) async throws {
        output.logger.withLock { $0 = context.logger }
    }

    public func run(_ message: inout Message) throws {
        guard let logger = output.logger.withLock(\.self), logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = ["message_id": "\(message.id)", "session_id": "\(message.session.id)"]
        for part in include { metadata[part.rawValue] = value(of: part, in: message).map { "\($0)" } }
        logger.log(level: level, "\(text)", metadata: metadata)
    }

    private func value(of part: Part, in message: Message) -> String? {
        switch part {
        case .prompt: message.prompt
        case .completion: message.completion?.text
        case .username: message.session.username
        case .tokensUsed: message.completion?.tokensUsed.map(String.init)
        }
    }

    /// The logger, which is there from the opening on.
    private final class Output: Sendable {
        let logger = Mutex<Logger?>(nil)
    }
}

extension Logger.Level: SettingValue {}
