import ArgumentParser
import Foundation
import Pipeline
import PipelineTesting
import Server

struct RecordCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "record", abstract: "Serve a pipeline, and write what is said as its tests.",
            discussion: """
                Each conversation becomes a test: what the client sent and was told, what models answered, and the rows \
                that were stored. Secrets of the file are taken out. The tests are written when it is told to stop \
                (Ctrl-C), each with a comment where it would not pass.
                """)
    }

    @Argument(help: ArgumentHelp("The pipeline file.", valueName: "pipeline"))
    var path: String

    @Option(help: "A file with variables that the environment doesn't have. (default: .env, if it exists)")
    var envFile: String?

    @OptionGroup var serving: ServingArguments

    @Option(help: "Add the tests to a file, such as NAME.test.yaml. (default: standard output)")
    var output: String?

    func validate() throws {
        if try HostChains.all(of: Host.self)[path] != nil {
            throw ValidationError("'\(path)' is a chain written in Swift; tests are written of a pipeline file.")
        }
    }

    func run() async throws {
        var pipelines = PipelineArguments()
        (pipelines.paths, pipelines.envFile) = ([path], envFile)
        let loader = try pipelines.loader(for: Host.self, standIns: .scripted)
        let file = try output.map { try writable(RecordedFile(path: $0, loader: loader)) }
        let secrets = try pipelines.load(for: Host.self).compactMap(\.file).flatMap(\.secrets)
        let recorder = Recorder()
        let isFile = file != nil
        var failure: (any Error)?
        do {
            try await Progress.during(
                "recording", to: .standardError(isLog: true), clearsAtSignals: false,
                refresh: { $0.note(recorder.words) }
            ) { progress in
                try await serving.serve(pipelines, as: Host.self, recorder: recorder, progress: progress) { line in
                    // A comment of the file that standard output is.
                    progress.print(isFile ? line : "# \(line)")
                    fflush(nil)
                }
            }
        } catch {
            failure = error
        }
        // What was said before something was lost is written all the same.
        let conversations = recorder.conversations
        if let failure, conversations.isEmpty { throw failure }
        try await write(conversations, as: Recording(of: path, loader: loader, hiding: secrets), to: file)
        if let failure { throw failure }
    }

    private func write(
        _ conversations: [RecordedConversation], as recording: Recording, to file: RecordedFile?
    ) async throws {
        do throws(SceneProblem) {
            let entries = try await Progress.during("writing tests") {
                (progress) async throws(SceneProblem) -> [String] in
                progress.note("\(conversations.count) \(conversations.count == 1 ? "conversation" : "conversations")")
                return try await recording.entries(for: conversations)
            }
            guard !entries.isEmpty else { return StandardError.write("nothing was said, so there is no test") }
            let count = "\(entries.count) test\(entries.count == 1 ? "" : "s")"
            guard let file else {
                print(RecordedFile.begin + entries.joined(separator: "\n\n"))
                fflush(nil)
                return StandardError.write("\(count) on standard output")
            }
            try save(entries, in: file)
            StandardError.write("\(count) added to \(file.path)")
        } catch {
            StandardError.write("error: \(error.message)")
            throw ExitCode.failure
        }
    }

    private func save(_ entries: [String], in file: RecordedFile) throws(SceneProblem) {
        let failure: String
        do {
            let text = try file.text(adding: entries)
            return try Data(text.utf8).write(to: URL(filePath: file.path), options: .atomic)
        } catch let problem as SceneProblem {
            failure = problem.message
        } catch {
            failure = "'\(file.path)' can't be written: \(error)"
        }
        print(RecordedFile.begin + entries.joined(separator: "\n\n"))
        throw SceneProblem(message: "\(failure); the tests are on standard output")
    }

    private func writable(_ file: RecordedFile) throws -> RecordedFile {
        do throws(SceneProblem) {
            try file.check()
            return file
        } catch {
            StandardError.write("error: \(error.message)")
            throw ExitCode.failure
        }
    }
}

extension PipelineFile {
    /// Every secret that it gives to a stage, a resource or the host.
    fileprivate var secrets: [Secret] {
        chain.stages.flatMap { Secret.all(in: $0) }
            + chain.resources(of: (any Resource).self).flatMap { Secret.all(in: $0) }
            + sections.values.flatMap { Secret.all(in: $0) }
    }
}

extension Recorder {
    /// How much it has.
    fileprivate var words: String {
        let conversations = conversations
        let messages = conversations.reduce(0) { $0 + $1.heard.count }
        return "\(conversations.count) \(conversations.count == 1 ? "conversation" : "conversations") with "
            + "\(messages) \(messages == 1 ? "message" : "messages"); Ctrl-C ends and writes the tests"
    }
}
