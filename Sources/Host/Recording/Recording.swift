import FoundationEssentials
import Pipeline
import PipelineTesting

/// What was recorded with a pipeline file, as tests of it.
struct Recording {
    private let loader: PipelineLoader
    private let path: String
    private let redact: Redaction

    /// - Parameters:
    ///   - path: The pipeline file.
    ///   - loader: Reads it with scripted resources.
    ///   - secrets: What the tests must not say.
    init(of path: String, loader: PipelineLoader, hiding secrets: [Secret]) {
        (self.path, self.loader, redact) = (path, loader, Redaction(secrets))
    }

    /// The entries of `tests:`, each with a comment where it does not pass as it stands.
    func entries(for conversations: [RecordedConversation]) async throws(SceneProblem) -> [String] {
        let loaded = loader.load(path: path)
        guard let file = loaded.file, let source = loaded.source else {
            throw SceneProblem(message: loaded.report)
        }
        var entries: [String] = []
        for conversation in conversations {
            let test = RecordedTest(of: conversation, with: file.chain, hiding: redact)
            if test.isEmpty { continue }
            let problems = await problems(of: test, source)
            entries.append(test.lines(noting: problems).joined(separator: "\n"))
        }
        return entries
    }

    /// What is not the same where the conversation is had again.
    private func problems(of test: RecordedTest, _ source: SourceFile) async -> [String] {
        let text = RecordedFile.begin + test.lines().joined(separator: "\n") + "\n"
        let loaded = loader.loadTests(SourceFile(path: "recording", text: text))
        guard let entry = loaded.tests?.entries.first else {
            return loaded.diagnostics.map { "can't be read: \($0.message)" }
        }
        do throws(SceneProblem) {
            let outcome = try await SceneRun(loader: loader, source: source, scene: entry.test.scene).run()
            return SceneVerdict(of: outcome, in: entry.test.scene, at: entry.place).findings.map { finding in
                let values = [finding.expected.map { "recorded \($0)" }, finding.got.map { "got \($0)" }]
                return (["does not pass: \(finding.message)"] + values.compactMap(\.self)).joined(separator: "; ")
            }
        } catch {
            return ["could not be run: \(error.message)"]
        }
    }
}

/// A file of tests that recordings are added to.
struct RecordedFile {
    /// How one begins.
    static let begin = "tests:\n"

    /// Where it is.
    let path: String
    private let former: String?

    /// - Throws: ``SceneProblem`` where nothing can be added to what is there.
    init(path: String, loader: PipelineLoader) throws(SceneProblem) {
        self.path = path
        guard FileManager.default.fileExists(atPath: path) else {
            former = nil
            return
        }
        switch SourceFile.load(path: path) {
        case .failure(let failure): throw SceneProblem(message: "'\(path)' can't be added to: \(failure.message)")
        case .success(let source):
            let trial = Self.adding(["  - {name: trial, send: trial}"], to: source.text)
            let count = loader.loadTests(source).tests?.entries.count
            guard let count, loader.loadTests(SourceFile(path: path, text: trial)).tests?.entries.count == count + 1
            else {
                throw SceneProblem(
                    message: "'\(path)' can't be added to: it must have its tests under 'tests:', each after '  - '")
            }
            former = source.text
        }
    }

    /// Its text with further entries.
    func text(with entries: [String]) -> String { Self.adding(entries, to: former ?? Self.begin) }

    private static func adding(_ entries: [String], to text: String) -> String {
        let end = text.hasSuffix("\n") ? "" : "\n"
        let gap = text.hasSuffix("tests:\n") ? "" : "\n"
        return text + end + gap + entries.joined(separator: "\n\n") + "\n"
    }
}
