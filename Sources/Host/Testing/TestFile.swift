import FoundationEssentials
import Pipeline
import PipelineTesting

/// Files of tests that stand beside pipeline files.
enum TestFile {
    /// The tests beside a pipeline file; `nil` where there are none.
    static func beside(_ path: String, loader: PipelineLoader) -> LoadedTests? {
        let path = LoadedTests.path(besides: path)
        return FileManager.default.fileExists(atPath: path) ? loader.loadTests(path: path) : nil
    }
}
