import FoundationEssentials
import Pipeline
import PipelineTesting

/// A file of tests that recordings are added to.
struct RecordedFile {
    /// How one begins.
    static let begin = "tests:\n"

    /// Where it is.
    let path: String
    let loader: PipelineLoader

    /// Whether something can be added to it.
    ///
    /// - Throws: ``SceneProblem`` where nothing can.
    func check() throws(SceneProblem) { _ = try text(adding: ["  - {name: trial, send: trial}"]) }

    /// What it has, with further entries.
    ///
    /// - Throws: ``SceneProblem`` where that is no file of tests.
    func text(adding entries: [String]) throws(SceneProblem) -> String {
        let former = try former
        let end = former.hasSuffix("\n") ? "" : "\n"
        let gap = former.hasSuffix(Self.begin) ? "" : "\n"
        let text = former + end + gap + entries.joined(separator: "\n\n") + "\n"
        let count = former == Self.begin ? 0 : count(in: former)
        guard let count, self.count(in: text) == count + entries.count else {
            throw SceneProblem(
                message: "'\(path)' can't be added to: it must have its tests under 'tests:', each after '  - '")
        }
        return text
    }

    private var former: String {
        get throws(SceneProblem) {
            guard FileManager.default.fileExists(atPath: path) else { return Self.begin }
            switch SourceFile.load(path: path) {
            case .success(let source): return source.text
            case .failure(let failure):
                throw SceneProblem(message: "'\(path)' can't be added to: \(failure.message)")
            }
        }
    }

    private func count(in text: String) -> Int? {
        loader.loadTests(SourceFile(path: path, text: text)).tests?.entries.count
    }
}
