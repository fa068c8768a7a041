import Glibc

/// A message that failed for good in an asynchronous step, with its error: one line of JSON.
package struct DeadLetter: Sendable {
    /// The error, as the log has it.
    package struct Failure: Sendable {
        /// The stable code.
        package var code: String
        /// What clients are told.
        package var message: String
        /// What the log says besides.
        package var detail: String?

        init(_ error: PipelineError) {
            (code, message, detail) = (error.code.rawValue, error.message, error.detail)
        }

        init?(json: JSONValue?) {
            guard case .object(let members) = json, case .string(let code) = members["code"],
                case .string(let message) = members["message"]
            else { return nil }
            (self.code, self.message, detail) = (code, message, members["detail"]?.text)
        }
    }

    /// The label of the step that failed.
    package var step: String
    /// When, as in the `requests` table.
    package var failedAt: String
    /// Why.
    package var error: Failure
    /// What failed.
    package var message: Message.Record

    /// Notes that it failed again now.
    package mutating func fail(with error: PipelineError) {
        failedAt = Timestamp.now.description
        self.error = Failure(error)
    }

    /// A message that failed now.
    package init(_ message: Message, step: String, error: PipelineError) {
        self.step = step
        self.failedAt = Timestamp.now.description
        self.error = Failure(error)
        self.message = Message.Record(message)
    }

    /// The line, with its end.
    package var line: [UInt8] {
        var failure = JSONText()
        failure.add("code", error.code)
        failure.add("message", error.message)
        if let detail = error.detail { failure.add("detail", detail) }
        var text = JSONText()
        text.add("error", raw: failure.finished)
        text.add("failed_at", failedAt)
        text.add("message", raw: message.json)
        text.add("step", step)
        return text.finishedBytes + [UInt8(ascii: "\n")]
    }

    /// The letter that a line is; `nil` for one that is none.
    package init?(line: some Sequence<UInt8>) {
        // A letter has what a client sent two levels further in.
        let value = Array(line).withUnsafeBytes { try? JSONReader.value(of: $0, deepest: JSONReader.deepest + 8) }
        guard case .object(let members) = value, case .string(let step) = members["step"],
            case .string(let failedAt) = members["failed_at"], let error = Failure(json: members["error"]),
            let message = members["message"].flatMap(Message.Record.init(json:))
        else { return nil }
        (self.step, self.failedAt, self.error, self.message) = (step, failedAt, error, message)
    }
}

/// A file of dead letters, which several processes may share.
package struct DeadLetterFile: Sendable {
    /// Where it is.
    package let path: String

    /// A file, made with its folders at the first letter.
    package init(path: String) {
        self.path = path
    }

    /// Appends letters and waits until they are on disk.
    ///
    /// - Throws: Where they can't be written; then none of them is in the file.
    package func append(_ letters: [DeadLetter]) throws {
        try LineFile(path: path).append(letters.flatMap(\.line))
    }

    /// The letters, and the numbers of lines that are none.
    ///
    /// - Throws: Where the file can't be read.
    package func read() throws -> (letters: [DeadLetter], unreadable: [Int]) {
        let lines = try lines()
        return (lines.compactMap(\.letter), lines.filter { !$0.torn.isEmpty }.map(\.number))
    }

    /// The lines that hold something.
    package func lines() throws(FileProblem) -> [DeadLetterLine] {
        try DurableFiles.bytes(of: path).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated().compactMap { $1.isEmpty ? nil : DeadLetterLine(number: $0 + 1, bytes: $1) }
    }
}

/// A line of a file of dead letters.
package struct DeadLetterLine {
    /// Which one it is, counted from 1.
    package let number: Int
    /// The letter.
    package private(set) var letter: DeadLetter?
    /// What is no letter: the whole line, or what an earlier program began to write before the letter on a disk that was full.
    package private(set) var torn: ArraySlice<UInt8> = []

    /// How every letter begins.
    private static let beginning = Array(#"{"error":{"code":"#.utf8)

    init(number: Int, bytes: ArraySlice<UInt8>) {
        self.number = number
        letter = DeadLetter(line: bytes)
        guard letter == nil else { return }
        torn = bytes
        // Inside a letter's texts quotation marks are escaped, so that this is found at the beginning of one alone.
        guard let start = bytes.lastIndex(of: Self.beginning), let letter = DeadLetter(line: bytes[start...]) else {
            return
        }
        (self.letter, torn) = (letter, bytes[..<start])
    }
}

extension ArraySlice<UInt8> {
    /// Where these bytes stand for the last time.
    fileprivate func lastIndex(of wanted: [UInt8]) -> Int? {
        guard let first = wanted.first else { return nil }
        return withUnsafeBytes { (bytes) -> Int? in
            guard let start = bytes.baseAddress else { return nil }
            var (place, last): (Int, Int?) = (0, nil)
            while place + wanted.count <= bytes.count,
                let found = memchr(start + place, Int32(first), bytes.count - wanted.count - place + 1)
            {
                let index = UnsafeRawPointer(found) - start
                if memcmp(found, wanted, wanted.count) == 0 { last = index }
                place = index + 1
            }
            return last.map { startIndex + $0 }
        }
    }
}
