package import Pipeline

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

    /// The key that it stands under.
    package static let key = "tests"

    package static var settingType: SettingType { .list(.group(PipelineTest.settings)) }

    package static func read(_ node: Node, with reader: inout SettingReader) -> TestSection? {
        guard let elements = node.elements else {
            reader.with(subject: "'\(key)'") { $0.wrongType(node, expected: .other("list of tests")) }
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

extension PipelineFile {
    /// Its `tests:`, if it has any.
    package var tests: TestSection? { sections[TestSection.key] as? TestSection }
}
