public import Logging
import Synchronization

/// What was logged while a test ran.
public final class TestLog: Sendable {
    /// One entry.
    public struct Entry: Sendable {
        /// How important it is.
        public let level: Logger.Level
        /// Its text.
        public let message: String
        /// What it carries besides, such as `code` and `stage`.
        public let metadata: [String: String]

        /// The code of the error that it is; `nil` where it is none. A notice may name one that was mended, as by another
        /// model's answer.
        public var errorCode: String? { level == .notice ? nil : metadata["code"] }
    }

    private let state = Mutex<[Entry]>([])

    /// Nothing yet.
    public init() {}

    /// In order.
    public var entries: [Entry] { state.withLock(\.self) }

    /// The codes of the errors among them, in order.
    public var codes: [String] { entries.compactMap(\.errorCode) }

    /// What writes to it.
    package func handler() -> any LogHandler { Handler(log: self) }

    private struct Handler: LogHandler {
        let log: TestLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        init(log: TestLog) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
            log.state.withLock {
                $0.append(Entry(level: event.level, message: event.message.description, metadata: all))
            }
        }
    }
}
