package import Pipeline

/// What reading a file of tests gave, one that stands beside a pipeline file as `NAME.test.yaml`.
package struct LoadedTests: Sendable {
    /// The tests; `nil` where there is an error.
    package let tests: TestSection?

    /// Everything that was found, in the order of place.
    package let diagnostics: [Diagnostic]

    /// The file's text; `nil` where it could not be read.
    package let source: SourceFile?

    /// The diagnostics as people read them.
    package var report: String {
        diagnostics.map { DiagnosticFormatter.text($0, source: source) }.joined(separator: "\n")
    }

    /// How the name of such a file ends.
    package static let suffix = ".test.yaml"

    /// Where the tests of a pipeline file stand, other than in itself.
    package static func path(besides path: String) -> String {
        for suffix in [".yaml", ".yml"] where path.hasSuffix(suffix) {
            return path.dropLast(suffix.count) + Self.suffix
        }
        return path + Self.suffix
    }
}

extension PipelineLoader {
    /// Reads a file of tests. Never throws: what is wrong is in the diagnostics.
    package func loadTests(path: String) -> LoadedTests {
        let source: SourceFile
        switch SourceFile.load(path: path) {
        case .success(let loaded): source = loaded
        case .failure(let diagnostic): return LoadedTests(tests: nil, diagnostics: [diagnostic], source: nil)
        }
        return loadTests(source)
    }

    /// Reads tests from a text.
    package func loadTests(_ source: SourceFile) -> LoadedTests {
        let (root, begun) = open(source)
        var reader = begun
        let tests = root.flatMap { self.tests(of: $0, with: &reader) }
        return LoadedTests(
            tests: reader.diagnostics.hasErrors ? nil : tests, diagnostics: reader.diagnostics.sorted, source: source)
    }

    private func tests(of root: Node, with reader: inout SettingReader) -> TestSection? {
        for entry in root.entries ?? [] where entry.name != TestSection.key {
            reader.diagnostics.error(
                .unknownKey, at: entry.key.range, "unknown key '\(entry.name)' of a file of tests",
                suggestion: Spelling.nearest(to: entry.name, among: [TestSection.key]))
        }
        guard let node = root[TestSection.key] else {
            reader.diagnostics.error(.missingKey, at: root.range, "the file needs the key 'tests'")
            return nil
        }
        return TestSection.read(node, with: &reader)
    }
}
