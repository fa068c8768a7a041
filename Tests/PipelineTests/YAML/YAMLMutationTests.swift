import TestRandom
import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("Damaged files are read or reported, never more")
struct YAMLMutationTests {
    static let pieces: [[Unicode.Scalar]] = [
        "\t", " ", "\n", "\r\n", "\r", "- ", "? ", ": ", ":", "[", "]", "{", "}", ",", "#", " #", "&a ", "*a ", "!t ",
        "|", ">", "|-\n", "'", "\"",
        "%", "@", "`", "\\", "\\x", "${", "$${", "${A:-", "}", "---\n", "...\n", "<<: ", "\u{0}", "\u{85}", "\u{2028}",
        "\u{FEFF}", "é", "🚃", "\u{301}",
        "0x", "~", "null",
    ].map { Array($0.unicodeScalars) }

    @Test("mutations each give a tree or a located error", arguments: 0..<8)
    func mutations(seed: Int) async {
        var random = SplitMix(seed: UInt64(seed) + 1)
        let sample = Array(samplePipeline.unicodeScalars)
        var failures: [String] = []
        for _ in 0..<rounds(2_500, usually: 400) {
            await Task.yield()
            let text = Self.mutated(sample, using: &random)
            let reading = Reading(text, variables: ["A": "1"])
            if let complaint = Self.complaint(about: reading) {
                failures.append("\(complaint): \(text.debugDescription)")
            }
        }
        #expect(failures.isEmpty, "\(failures.prefix(3))")
    }

    private static func mutated(_ sample: [Unicode.Scalar], using random: inout SplitMix) -> String {
        var scalars = sample
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<scalars.count, using: &random)
            let end = min(scalars.count, place + Int.random(in: 0...6, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: scalars.removeSubrange(place..<end)
            case 1:
                scalars.insert(contentsOf: scalars[place..<end], at: Int.random(in: 0...scalars.count, using: &random))
            case 2: scalars.removeSubrange(Int.random(in: (scalars.count / 2)..<scalars.count, using: &random)...)
            default:
                scalars.replaceSubrange(place..<min(end, place + 1), with: pieces.randomElement(using: &random) ?? [])
            }
            if scalars.isEmpty { scalars = sample }
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// What a reading breaks of what must hold for every file.
    private static func complaint(about reading: Reading) -> String? {
        let items = reading.diagnostics.items
        if reading.node == nil, !reading.diagnostics.hasErrors { return "neither tree nor error" }
        for item in items {
            guard let range = item.range else { return "no place" }
            guard isInside(range, reading.source) else { return "a place outside the file: \(range)" }
            if item.message.isEmpty { return "no message" }
            let text = DiagnosticFormatter.text(item, source: reading.source)
            guard text.split(separator: "\n").count == 3 else { return "no excerpt: \(text)" }
        }
        return reading.node.flatMap { complaint(about: $0, within: $0.range, reading.source) }
    }

    /// Values lie inside their parents, in order, and scalars without quotes are what the file has there.
    private static func complaint(about node: Node, within parent: SourceRange, _ source: SourceFile) -> String? {
        guard node.range.start <= node.range.end, parent.start <= node.range.start, node.range.end <= parent.end else {
            return "\(node.range) is not inside \(parent)"
        }
        switch node.content {
        case .scalar(let scalar):
            let written = source[bytes: source.bytes(of: node.range)]
            let isPlainLine = scalar.style == .plain && !written.contains { $0.isNewline }
            return isPlainLine && !scalar.written.isEmpty && written != scalar.written
                ? "'\(written)' is not the scalar" : nil
        case .sequence(let elements):
            return elements.lazy.compactMap { complaint(about: $0, within: node.range, source) }.first
        case .mapping(let entries):
            return entries.lazy.flatMap { [$0.key, $0.value] }.compactMap {
                complaint(about: $0, within: node.range, source)
            }.first
        }
    }

    private static func isInside(_ range: SourceRange, _ source: SourceFile) -> Bool {
        guard range.start.column >= 1, range.start <= range.end, let line = source.line(range.start.line) else {
            return false
        }
        return range.start.column <= line.unicodeScalars.count + 1
    }
}
