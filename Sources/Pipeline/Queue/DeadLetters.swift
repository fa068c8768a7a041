import FoundationEssentials
import Glibc

/// A message that failed for good in an asynchronous step, with its error: one line of JSON.
public struct DeadLetter: Sendable, Codable {
    /// The error, as the log has it.
    public struct Failure: Sendable, Codable {
        /// The stable code.
        public var code: String
        /// What clients are told.
        public var message: String
        /// What the log says besides.
        public var detail: String?
    }

    /// The label of the step that failed.
    public var step: String
    /// When, as in the `requests` table.
    public var failedAt: String
    /// Why.
    public var error: Failure
    /// What failed.
    public var message: MessageRecord

    /// Notes that it failed again now.
    public mutating func fail(with error: PipelineError) {
        failedAt = Timestamp.now.description
        self.error = Failure(code: error.code.rawValue, message: error.message, detail: error.detail)
    }

    enum CodingKeys: String, CodingKey {
        case step
        case failedAt = "failed_at"
        case error, message
    }

    /// A message that failed now.
    public init(_ message: Message, step: String, error: PipelineError) {
        self.step = step
        self.failedAt = Timestamp.now.description
        self.error = Failure(code: error.code.rawValue, message: error.message, detail: error.detail)
        self.message = MessageRecord(message)
    }
}

/// A file of dead letters. They are appended with one write, so that several processes may share it.
public struct DeadLetterFile: Sendable {
    /// Where it is.
    public let path: String

    /// A file, made with its folders at the first letter.
    public init(path: String) {
        self.path = path
    }

    /// Appends letters and waits until they are on disk.
    ///
    /// - Throws: `POSIXError` where they can't be written.
    public func append(_ letters: [DeadLetter]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var lines: [UInt8] = []
        for letter in letters { lines += Array(try encoder.encode(letter)) + [UInt8(ascii: "\n")] }
        let folder = URL(filePath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw POSIXError(errno) }
        defer { Glibc.close(file) }
        guard write(file, lines, lines.count) == lines.count, fsync(file) == 0 else { throw POSIXError(errno) }
    }

    /// The letters, and the numbers of lines that are none.
    ///
    /// - Throws: Where the file can't be read.
    public func read() throws -> (letters: [DeadLetter], unreadable: [Int]) {
        let bytes = try Data(contentsOf: URL(filePath: path))
        var letters: [DeadLetter] = []
        var unreadable: [Int] = []
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        where !line.isEmpty {
            if let letter = try? JSONDecoder().decode(DeadLetter.self, from: line) {
                letters.append(letter)
            } else {
                unreadable.append(number + 1)
            }
        }
        return (letters, unreadable)
    }
}

/// An error of the operating system, in its own words.
public struct POSIXError: Error, CustomStringConvertible {
    /// `errno`.
    public let number: Int32

    /// An error by its number.
    public init(_ number: Int32) {
        self.number = number
    }

    /// The system's text for it.
    public var description: String { String(cString: strerror(number)) }
}
