import Logging
import Pipeline
import PipelineTesting
import Server

/// Something that is not as a test expects it.
struct TestFinding: Sendable {
    /// Where the file says what it expects.
    let range: SourceRange
    /// What is not as expected, in one sentence.
    let message: String
    /// What is expected and what there is, where both can be shown.
    var expected: String?
    var got: String?
}

/// Compares what happened with what a test expects.
struct SceneVerdict {
    private let scene: TestScene
    private let outcome: SceneOutcome
    /// Where the test begins.
    private let range: SourceRange
    private(set) var findings: [TestFinding] = []

    init(of outcome: SceneOutcome, in scene: TestScene, at range: SourceRange) {
        (self.scene, self.outcome, self.range) = (scene, outcome, range)
        compareFrames()
        compareRows()
        compareOrder()
        compareLogs()
        compareErrors()
        countReplies()
    }

    private mutating func compareFrames() {
        guard let expected = scene.expect else { return }
        let types = expected.map { $0.node["type"]?.scalar?.text }
        let frames = outcome.frames.filter { frame in
            switch frame.kind {
            // The greeting and the pieces count only where the test has them.
            case .session: types.contains("session")
            case .delta: types.contains("delta")
            case .response, .error: true
            }
        }
        compare(expected, with: frames.map { ($0.value, $0.text) }, what: "frame", after: scene.send?.place)
    }

    private mutating func compareRows() {
        guard let expected = scene.rows else { return }
        compare(expected, with: outcome.rows.map { ($0, $0["response"]?.text ?? "") }, what: "row", after: nil)
    }

    /// One by one, in order.
    private mutating func compare(
        _ expected: [Expected], with all: [(value: JSONValue, text: String)], what: String, after sent: SourceRange?
    ) {
        for (index, wanted) in expected.enumerated() {
            guard index < all.count else {
                add(wanted, "\(what) \(index + 1) did not come")
                continue
            }
            let (value, text) = all[index]
            guard let difference = wanted.difference(from: value, text: text) else { continue }
            let part = difference.path.isEmpty ? "" : ": '\(difference.path)'"
            findings.append(
                TestFinding(
                    range: difference.place, message: "\(what) \(index + 1) is not as expected\(part)",
                    expected: wanted.json, got: wanted.part(of: value, text: text)))
        }
        for (index, surplus) in all.enumerated().dropFirst(expected.count) {
            findings.append(
                TestFinding(
                    range: expected.last?.node.range ?? sent ?? range, message: "\(what) \(index + 1) was not expected",
                    got: surplus.value.json))
        }
    }

    private mutating func compareOrder() {
        guard let order = scene.order else { return }
        var rest = outcome.events[...]
        for event in order {
            guard let index = rest.firstIndex(of: event) else {
                findings.append(
                    TestFinding(
                        range: range, message: "'\(event.rawValue)' does not come in the order that 'order' has",
                        expected: order.map(\.rawValue).joined(separator: ", "),
                        got: outcome.events.map(\.rawValue).joined(separator: ", ")))
                return
            }
            rest = rest[(index + 1)...]
        }
    }

    private mutating func compareLogs() {
        var rest = outcome.log[...]
        for expected in scene.logs ?? [] {
            guard let index = rest.firstIndex(where: { $0.fits(expected) }) else {
                let all = outcome.log.map(\.value.json).joined(separator: "\n")
                findings.append(
                    TestFinding(
                        range: expected.node.range, message: "no such entry of the log, or not in this order",
                        expected: expected.json, got: all.isEmpty ? "nothing" : all))
                return
            }
            rest = rest[(index + 1)...]
        }
    }

    private mutating func compareErrors() {
        let logged = outcome.log.filter { $0.errorCode != nil }
        if let expected = scene.errors {
            return compare(
                expected, with: logged.map { ($0.value, $0.errorCode ?? "") }, what: "error", after: nil)
        }
        var told = outcome.frames.compactMap { frame in
            if case .error(let code) = frame.kind { code.rawValue } else { nil }
        }
        for entry in logged {
            if let index = told.firstIndex(of: entry.errorCode ?? "") {
                told.remove(at: index)
            } else {
                findings.append(
                    TestFinding(
                        range: range, message: "an error was logged that nobody was told; 'errors' would expect it",
                        got: entry.value.json))
            }
        }
    }

    private mutating func countReplies() {
        guard let script = scene.model else { return }
        for model in outcome.models {
            guard let replies = script.common ?? script.named[model.name] else { continue }
            let times = model.asked == 1 ? "once" : "\(model.asked) times"
            if model.left > 0 || model.asked > replies.count {
                findings.append(
                    TestFinding(
                        range: script.place,
                        message: "'\(model.name)' was asked \(times), and the test has \(replies.count) replies"))
            }
        }
    }

    private mutating func add(_ wanted: Expected, _ message: String) {
        findings.append(
            TestFinding(range: wanted.node.range, message: message, expected: wanted.json, got: "nothing"))
    }
}

extension TestLog.Entry {
    /// The entry as a mapping.
    fileprivate var value: JSONValue {
        let own: [String: JSONValue] = ["level": .string(level.rawValue), "message": .string(message)]
        return .object(metadata.mapValues(JSONValue.string).merging(own) { $1 })
    }

    /// A text is a part of the entry's.
    fileprivate func fits(_ expected: Expected) -> Bool {
        if expected.node.entries == nil { return message.contains(expected.node.scalar?.text ?? "") }
        return expected.difference(from: value, text: nil) == nil
    }
}
