import Pipeline
import PipelineTesting
import Server

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
                let parts = ["does not pass: \(finding.message)"] + values.compactMap(\.self)
                return redact(parts.joined(separator: "; ")).replacing("\n", with: " ")
            }
        } catch {
            return ["could not be run: \(error.message)"]
        }
    }
}
