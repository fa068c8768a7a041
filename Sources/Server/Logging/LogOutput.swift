import FoundationEssentials
import Glibc
package import Logging
import Pipeline
import Synchronization

/// Writes the log to standard error: lines for people on a terminal, JSON lines elsewhere. An entry is always one line,
/// whatever its values hold.
package struct LogOutput: LogHandler {
    enum Format {
        case lines
        case json
    }

    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let label: String
    private let format: Format
    private let write: @Sendable (String) -> Void

    init(label: String, level: Logger.Level, format: Format, write: @escaping @Sendable (String) -> Void) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.write = write
    }

    /// Makes this the log of the process. `LOG_LEVEL` chooses the level; `info` without it.
    package static func bootstrap() {
        let level = ProcessInfo.processInfo.environment["LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0.lowercased()) }
        let format: Format = isatty(STDERR_FILENO) == 1 ? .lines : .json
        LoggingSystem.bootstrap { label in
            LogOutput(label: label, level: level ?? .info, format: format) { line in
                isOver.withLock { isOver in
                    if !isOver { StandardError.write(line) }
                }
            }
        }
    }

    /// Says of a `LOG_LEVEL` that is no level that another is taken.
    package static func sayUnknownLevel(_ logger: Logger) {
        let named = ProcessInfo.processInfo.environment["LOG_LEVEL"] ?? ""
        guard !named.isEmpty, Logger.Level(rawValue: named.lowercased()) == nil else { return }
        let levels = Logger.Level.allCases.map(\.rawValue)
        let meant = Spelling.meant(by: named, among: levels).map { "; did you mean '\($0)'?" }
        logger.warning(
            "LOG_LEVEL names no level, so 'info' is taken\(meant ?? "; there are: \(levels.joined(separator: ", "))")",
            metadata: ["LOG_LEVEL": "\(named)"])
    }

    private static let isOver = Mutex(false)

    /// Takes no further entry, so that what a command says last is the last line: work that was given up may still fail.
    package static func end() { isOver.withLock { $0 = true } }

    /// No log, for commands that say themselves what they see.
    package static func silence() {
        LoggingSystem.bootstrap { _ in SwiftLogNoOpLogHandler() }
    }

    /// For libraries that talk about themselves at every start and stop.
    package static var quiet: Logger {
        var logger = Logger(label: "lifecycle")
        logger.logLevel = .error
        return logger
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var fields = metadata
        if let more = event.metadata { fields.merge(more) { $1 } }
        let sorted = fields.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        let time = Timestamp.now.description
        switch format {
        case .lines:
            let tail = sorted.map { " \($0.0)=\(OneLine.quotedIfNeeded($0.1))" }.joined()
            write("\(time) \(event.level) \(PrintableText.escaped(event.message.description))\(tail)")
        case .json:
            let pairs =
                [("time", time), ("level", event.level.rawValue), ("message", event.message.description)] + sorted
            let text = pairs.map { "\(JSONText.quoted($0.0)):\(JSONText.quoted($0.1))" }.joined(separator: ",")
            write("{\(text)}")
        }
    }
}

/// Text in a form that stays on one line and can't drive a terminal.
enum OneLine {
    static func quotedIfNeeded(_ text: String) -> String {
        let safe = PrintableText.escaped(text)
        return safe.contains(" ") || safe.contains("\"") || safe.isEmpty
            ? "\"\(safe.replacing("\"", with: "\\\""))\"" : safe
    }
}
