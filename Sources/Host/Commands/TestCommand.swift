import ArgumentParser
import FoundationEssentials
import Pipeline
import PipelineTesting
import Server

struct TestCommand<Host: StagecoachHost>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "test", abstract: "Run the tests of pipeline files.",
            discussion: """
                They stand under 'tests:' in the file, or beside it in NAME.test.yaml. Models and databases are scripted, \
                so that no key and no server are needed. It ends with 1 where a test fails.
                """)
    }

    @OptionGroup var pipelines: PipelineArguments

    @Option(help: "Write the results to a file, as JUnit's XML.")
    var junit: String?

    func validate() throws {
        if pipelines.paths.isEmpty { throw ValidationError("Missing expected argument '<pipeline> ...'") }
    }

    func run() async throws {
        LogOutput.silence()
        let environment = try pipelines.goodEnvironment()
        let loader = try pipelines.loader(for: Host.self, with: environment, standIns: .scripted)
        let pipelines = try pipelines.withFilesOfFolders()
        var results: [TestResult] = []
        var isWell = true
        let paths = PipelineTests.files(of: pipelines.paths)
        await Progress.during("testing") { progress in
            for (index, path) in paths.enumerated() {
                func show() {
                    let failed = results.count { !$0.hasPassed }
                    progress.count(
                        index, of: paths.count,
                        note: "\(path), \(results.count) run\(failed > 0 ? ", \(failed) failed" : "")")
                }
                show()
                let problem = await PipelineTests(path: path, loader: loader).run { result in
                    progress.print(result.text)
                    results.append(result)
                    show()
                }
                guard let problem else { continue }
                StandardError.write(problem)
                isWell = false
            }
        }
        print(TestReport.summary(results))
        if let junit { try write(TestReport.junit(results), to: junit) }
        if !isWell || results.contains(where: { !$0.hasPassed }) { throw ExitCode.failure }
    }

    private func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(filePath: path))
        } catch {
            StandardError.write("error: the results can't be written to '\(path)': \(error)")
            throw ExitCode.failure
        }
    }
}
