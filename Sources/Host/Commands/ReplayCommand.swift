import ArgumentParser
import FoundationEssentials
import Pipeline

struct ReplayCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "replay", abstract: "Put dead letters back: run their stage again for each.",
            discussion: "What fails again goes back to the file, with its new error. A host may go on writing to it.")
    }

    @Argument(help: "The pipeline file.")
    var pipeline: String

    @Argument(help: "The file of dead letters.")
    var file: String

    @Option(help: "Where variables stand that the environment doesn't have. (default: .env, if it is there)")
    var envFile: String?

    func run() async throws {
        LogOutput.bootstrap()
        var arguments = PipelineArguments()
        arguments.paths = [pipeline]
        arguments.envFile = envFile
        guard let chain = try arguments.loadGood(for: Host.self).first?.chain else { throw ExitCode.failure }
        do {
            let count = try await replay(with: chain)
            print("\(count.done) of \(count.all) messages replayed")
            if count.done < count.all {
                StandardError.write("error: \(count.all - count.done) failed again; they are in \(file)")
                throw ExitCode.failure
            }
        } catch let code as ExitCode {
            throw code
        } catch {
            StandardError.write("error: \(error)")
            throw ExitCode.failure
        }
    }

    /// The file is moved away first, so that a host that goes on writing begins a new one; one that an interrupted
    /// replay left is taken up again.
    private func replay(with chain: Chain) async throws -> (done: Int, all: Int) {
        let work = file + ".replaying"
        if !FileManager.default.fileExists(atPath: work) {
            guard FileManager.default.fileExists(atPath: file) else {
                throw ReplayError(description: "there is no file '\(file)' with dead letters")
            }
            try FileManager.default.moveItem(atPath: file, toPath: work)
        }
        let (letters, unreadable) = try DeadLetterFile(path: work).read()
        guard unreadable.isEmpty else {
            try FileManager.default.moveItem(atPath: work, toPath: file)
            let lines = unreadable.map(String.init).joined(separator: ", ")
            throw ReplayError(description: "\(file) has lines that are no dead letters (\(lines)); mend or remove them")
        }
        try await chain.openForReruns()
        for table in StoredTable.all(in: chain) { try? await table.waitUntilReady(within: .seconds(5)) }
        var done = 0
        for letter in letters {
            do throws(PipelineError) {
                guard var message = letter.message.message else {
                    throw PipelineError(.invalidMessage, "The message's id is none")
                }
                try await chain.rerun(&message, at: letter.step)
                done += 1
            } catch {
                var again = letter
                again.fail(with: error)
                try DeadLetterFile(path: file).append([again])
            }
        }
        await chain.close()
        try FileManager.default.removeItem(atPath: work)
        return (done, letters.count)
    }
}

private struct ReplayError: Error, CustomStringConvertible {
    let description: String
}
