import FoundationEssentials
import Pipeline
import Server

/// Runs the stages of dead letters again. What was replayed is written down one by one, so that a replay that is killed, or
/// the machine with it, goes on where it was.
struct Replay {
    /// What became of the letters.
    struct Outcome {
        var done = 0
        var failed = 0
        /// Numbers of lines that are no letters; they were put back.
        var unreadable: [Int] = []
    }

    let chain: Chain
    let path: String
    let progress: Progress

    /// The letters are moved here first, so that a host that goes on writing begins a new file.
    private var workPath: String { path + ".replaying" }

    private var file: LineFile { LineFile(path: path) }

    /// Replays every letter of the file, or goes on with what an interrupted replay left.
    ///
    /// - Throws: Where the file can't be read or written, or the chain not be opened. What was not replayed stays for next
    ///   time.
    func run() async throws -> Outcome {
        if let missing = StoredTable.all(in: chain).lazy.compactMap(\.missingFile).first {
            throw ReplayError(
                description: "there is no database '\(missing)' to replay into; run this in the folder where the host "
                    + "runs: relative paths start there")
        }
        if !FileManager.default.fileExists(atPath: workPath) {
            guard FileManager.default.fileExists(atPath: path) else {
                throw ReplayError(description: "there is no file '\(path)' with dead letters")
            }
            try file.move(to: workPath)
        }
        let work = try LineFile(path: workPath).lock(waits: false)
        defer { work.unlock() }
        let lines = try DeadLetterFile(path: workPath).lines()
        progress.note("connecting")
        try await chain.openForReruns()
        for table in StoredTable.all(in: chain) { try? await table.waitUntilReady(within: .seconds(5)) }
        var outcome = Outcome()
        do {
            try await replay(lines, noting: work, &outcome)
        } catch {
            await chain.close()
            throw error
        }
        await chain.close()
        try work.remove()
        return outcome
    }

    private func replay(
        _ lines: [DeadLetterLine], noting work: LockedLineFile, _ outcome: inout Outcome
    ) async throws {
        let marks = lines.map { $0.letter == nil ? ReplayMark(line: $0.torn) : nil }
        let done = Set(marks.compactMap { $0?.number })
        let all = zip(lines, marks).filter { $1 == nil && !done.contains($0.number) }
        for (index, (line, _)) in all.enumerated() {
            progress.count(index, of: all.count, note: outcome.failed > 0 ? "\(outcome.failed) failed" : "")
            if !line.torn.isEmpty {
                outcome.unreadable.append(line.number)
                try file.append(Array(line.torn) + [UInt8(ascii: "\n")])
            }
            if let letter = line.letter { try await replay(letter, &outcome) }
            try work.append(ReplayMark(number: line.number).line)
        }
    }

    private func replay(_ letter: DeadLetter, _ outcome: inout Outcome) async throws {
        do throws(PipelineError) {
            guard var message = letter.message.message else {
                throw PipelineError(.invalidMessage, "The message's id is not valid")
            }
            try await chain.rerun(&message, at: letter.step)
            outcome.done += 1
        } catch {
            var again = letter
            again.fail(with: error)
            try DeadLetterFile(path: path).append([again])
            outcome.failed += 1
        }
    }
}

/// A line that says that another one of the file was replayed.
private struct ReplayMark {
    let number: Int

    init(number: Int) {
        self.number = number
    }

    /// `nil` for a line that is none.
    init?(line: ArraySlice<UInt8>) {
        guard case .object(let members)? = JSONValue(json: String(decoding: line, as: UTF8.self)), members.count == 1,
            case .int(let number)? = members["replayed"]
        else { return nil }
        self.number = number
    }

    var line: [UInt8] { Array("{\"replayed\":\(number)}\n".utf8) }
}

private struct ReplayError: Error, CustomStringConvertible {
    let description: String
}
