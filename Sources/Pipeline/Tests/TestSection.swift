/// Tests that a file has under `tests:`.
package struct TestSection: SettingValue {
    /// A test and where it begins.
    package struct Entry: Sendable {
        package let test: PipelineTest
        package let place: SourceRange
    }

    /// In the order of the file.
    package let entries: [Entry]

    /// The file that they stand in, for the lines of what fails.
    package let source: SourceFile

    package static var settingType: SettingType { .list(.group(PipelineTest.settings)) }

    package static func read(_ node: Node, with reader: inout SettingReader) -> TestSection? {
        guard let elements = node.elements else {
            reader.with(subject: "'tests'") { $0.wrongType(node, expected: .other("list of tests")) }
            return nil
        }
        let looksForSlips = reader.looksForSlips
        reader.looksForSlips = false
        defer { reader.looksForSlips = looksForSlips }
        let entries = elements.enumerated().map { index, element -> Entry? in
            let name = element["name"]?.scalar.map { " '\($0.written)'" } ?? " \(index + 1)"
            return reader.with(subject: "test\(name)") { reader in
                guard let test = PipelineTest.read(element, with: &reader) else { return nil }
                let place = element.entries?.first?.key.range ?? element.range
                return sends(test, at: place, with: &reader) ? Entry(test: test, place: place) : nil
            }
        }
        guard !entries.contains(where: { $0 == nil }) else { return nil }
        return TestSection(entries: entries.compactMap(\.self), source: reader.diagnostics.source)
    }

    private static func sends(_ test: PipelineTest, at place: SourceRange, with reader: inout SettingReader) -> Bool {
        for (_, scene) in test.all where scene.spoken == .text {
            guard let send = scene.send, !send.arePrompts else { continue }
            reader.diagnostics.error(
                .badValue, at: send.place, "'send' of \(reader.subject) has JSON frames, and its 'format' is text")
            return false
        }
        if test.all.allSatisfy({ $0.scene.send != nil }) { return true }
        reader.diagnostics.error(
            .missingSetting, at: place, "\(reader.subject) sends nothing: it needs 'send', or each of its cases does")
        return false
    }
}

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
        var diagnostics = Diagnostics(source: source)
        guard let raw = YAMLReader.read(source, into: &diagnostics) else {
            return LoadedTests(tests: nil, diagnostics: diagnostics.sorted, source: source)
        }
        let (root, begun) = context.begin(with: raw, diagnostics)
        var reader = begun
        let tests = tests(of: root, with: &reader)
        return LoadedTests(
            tests: reader.diagnostics.hasErrors ? nil : tests, diagnostics: reader.diagnostics.sorted, source: source)
    }

    private func tests(of root: Node, with reader: inout SettingReader) -> TestSection? {
        for entry in root.entries ?? [] where entry.name != "tests" {
            reader.diagnostics.error(
                .unknownKey, at: entry.key.range, "unknown key '\(entry.name)' of a file of tests",
                suggestion: Spelling.nearest(to: entry.name, among: ["tests"]))
        }
        guard let node = root["tests"] else {
            reader.diagnostics.error(.missingKey, at: root.range, "the file needs the key 'tests'")
            return nil
        }
        return TestSection.read(node, with: &reader)
    }
}
