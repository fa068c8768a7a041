import Logging
import Pipeline
import PipelineCatalog
import PipelineTesting

/// What became of one test.
struct TestResult: Sendable {
    /// The pipeline's name.
    let pipeline: String
    let name: String
    /// The file that the test stands in.
    let source: SourceFile
    let findings: [TestFinding]
    /// What was logged, shown where the test failed and something went wrong: a client is not told why.
    var log: [TestLog.Entry] = []
    let duration: Duration

    var hasPassed: Bool { findings.isEmpty }

    /// One line, and what failed below it.
    var text: String {
        let line = "\(hasPassed ? "ok    " : "FAILED")  \(pipeline): \(PrintableText.indented(name))"
        return hasPassed ? line : "\(line)\n\(failure)"
    }

    private func text(of finding: TestFinding) -> String {
        let diagnostic = Diagnostic(
            severity: .error, code: .testFailed, message: finding.message, path: source.path, range: finding.range)
        var lines = [DiagnosticFormatter.text(diagnostic, source: source)]
        if let expected = finding.expected { lines.append("    expected: \(PrintableText.indented(expected))") }
        if let got = finding.got { lines.append("    got:      \(PrintableText.indented(got))") }
        return lines.joined(separator: "\n")
    }

    /// What failed, without the line.
    var failure: String { (findings.map(text) + logLines).joined(separator: "\n") }

    /// The log up to its last error, with what a program wrote to standard error before it; what follows has other causes.
    private var logLines: [String] {
        var entries = log.filter { $0.level >= .info }
        let last = entries.lastIndex { $0.level >= .error } ?? entries.lastIndex { $0.level >= .warning }
        guard let last else { return [] }
        entries = Array(entries[...last])
        let rest = entries.count - Self.mostEntries
        return ["    log:" + (rest > 0 ? " (\(rest) earlier entries are left out)" : "")]
            + entries.suffix(Self.mostEntries).map { entry in
                let place = (entry.metadata["stage"] ?? entry.metadata["resource"]).map { " \($0)" } ?? ""
                let detail = entry.metadata["detail"].map { " (\($0))" } ?? ""
                return "      " + PrintableText.indented("\(entry.level)\(place): \(entry.message)\(detail)")
            }
    }

    private static let mostEntries = 30
}

/// The results of tests for people and for programs.
enum TestReport {
    /// How many there were.
    static func summary(_ results: [TestResult]) -> String {
        let failed = results.count { !$0.hasPassed }
        return "\(results.count) test\(results.count == 1 ? "" : "s"), \(failed) failed"
    }

    /// JUnit's XML, a suite for each pipeline.
    static func junit(_ results: [TestResult]) -> String {
        var names: [String] = []
        for result in results where !names.contains(result.pipeline) { names.append(result.pipeline) }
        let suites = names.map { name in suite(name, results.filter { $0.pipeline == name }) }
        return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n\(suites.joined())</testsuites>\n"
    }

    private static func suite(_ name: String, _ results: [TestResult]) -> String {
        let time = results.reduce(Duration.zero) { $0 + $1.duration }
        let failures = results.count { !$0.hasPassed }
        let head =
            "  <testsuite name=\"\(escaped(name))\" tests=\"\(results.count)\" failures=\"\(failures)\" time=\"\(seconds(time))\">\n"
        return head + results.map(testCase).joined() + "  </testsuite>\n"
    }

    private static func testCase(_ result: TestResult) -> String {
        let head =
            "    <testcase classname=\"\(escaped(result.pipeline))\" name=\"\(escaped(result.name))\" file=\"\(escaped(result.source.path))\" time=\"\(seconds(result.duration))\""
        guard let first = result.findings.first else { return head + "/>\n" }
        return head
            + ">\n      <failure message=\"\(escaped(first.message))\">\(escaped(result.failure))</failure>\n    </testcase>\n"
    }

    private static func seconds(_ duration: Duration) -> String {
        let thousandths = duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000
        let fraction = String(thousandths % 1_000)
        return "\(thousandths / 1_000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction)"
    }

    private static func escaped(_ text: String) -> String { XMLText.escaped(text, keepsLines: true) }
}

extension DiagnosticCode {
    /// A test of a pipeline file that failed.
    static let testFailed = DiagnosticCode(rawValue: "test_failed")
}
