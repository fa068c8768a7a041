import Pipeline
import PipelineTesting

/// A pipeline file and the tests that belong to it: those in it, and those beside it.
struct PipelineTests {
    private let loader: PipelineLoader
    private let path: String

    init(path: String, loader: PipelineLoader) {
        (self.path, self.loader) = (path, loader)
    }

    /// The pipeline files that paths name, each once.
    static func files(of paths: [String]) -> [String] {
        var files: [String] = []
        for path in paths {
            let name = path.hasSuffix(LoadedTests.suffix) ? path.dropLast(LoadedTests.suffix.count) + ".yaml" : path
            if !files.contains(name) { files.append(name) }
        }
        return files
    }

    /// Runs them, one after the other.
    ///
    /// - Parameter report: Gets each result.
    /// - Returns: What keeps them from being run, as people read it; `nil` where nothing does.
    func run(_ report: (TestResult) -> Void) async -> String? {
        let loaded = loader.load(path: path)
        guard let file = loaded.file, let source = loaded.source else { return loaded.report }
        var sections = [file.tests].compactMap(\.self)
        if let beside = TestFile.beside(path, loader: loader) {
            guard let tests = beside.tests else { return beside.report }
            sections.append(tests)
        }
        guard sections.contains(where: { !$0.entries.isEmpty }) else {
            return
                "\(path): error: there are no tests; write some under 'tests:', or in \(LoadedTests.path(besides: path))"
        }
        for section in sections {
            for entry in section.entries {
                for (name, scene) in entry.test.all {
                    report(await run(name, scene, entry.place, of: file, source, in: section.source))
                }
            }
        }
        return nil
    }

    private func run(
        _ name: String, _ scene: TestScene, _ range: SourceRange, of file: PipelineFile, _ source: SourceFile,
        in tests: SourceFile
    ) async -> TestResult {
        let start = ContinuousClock.now
        var findings: [TestFinding]
        var log: [TestLog.Entry] = []
        do throws(SceneProblem) {
            let outcome = try await SceneRun(loader: loader, source: source, scene: scene).run()
            findings = SceneVerdict(of: outcome, in: scene, at: range).findings
            log = outcome.log
        } catch {
            findings = [TestFinding(range: error.range ?? range, message: error.message)]
        }
        return TestResult(
            pipeline: file.name, name: name, source: tests, findings: findings, log: log,
            duration: ContinuousClock.now - start)
    }
}
