package import Pipeline

/// A test of a pipeline file, as `tests:` has it: what is sent, what models and databases do, and what is expected.
package struct PipelineTest: SettingGroup {
    @Setting("What it shows, in a few words.") package var name: String

    /// What happens, and what is expected.
    @Inlined package var scene = TestScene()

    @Setting("The same test again and again, each time with the keys that stand here in place of its own.")
    package var cases: [TestCase] = []

    package init() {}

    /// The test for each of its cases, with a name of its own; itself, where it has none.
    package var all: [(name: String, scene: TestScene)] {
        if cases.isEmpty { return [(name, scene)] }
        return cases.enumerated().map { index, variant in
            ("\(name): \(variant.name ?? "case \(index + 1)")", variant.scene.over(scene))
        }
    }
}

/// One line of a test that is a table.
package struct TestCase: SettingGroup {
    @Setting("What is different in it; without it the cases are counted.") package var name: String?

    /// What takes the place of the test's own.
    @Inlined package var scene = TestScene()

    package init() {}
}

/// What happens in a test, and what is expected of the pipeline.
package struct TestScene: SettingGroup {
    @Setting("What is spoken: json, which says more, or text.") package var format: TestFormat?

    @Setting(
        "What models answer, in order; they repeat the prompt where this is left out. Several models: {NAME: [replies]}."
    )
    package var model: ModelScript?

    @Setting("What databases do; they keep rows where this is left out.") package var database: DatabaseScript?

    @Setting("What the client sends: a prompt, a JSON frame as a mapping, or a list of these.")
    package var send: SentFrames?

    @Setting("The frames that come back, in order, each with at least these keys; a text is that of the frame.")
    package var expect: [Expected]?

    @Setting("The rows that are stored in the end, in order, each with at least these columns.")
    package var rows: [Expected]?

    @Setting("What happens in this order; other things may happen between.") package var order: [TestEvent]?

    @Setting("Entries of the log, each a part of the text, or a mapping with at least these keys; others may be there.")
    package var logs: [Expected]?

    @Setting(
        "The codes of all errors that are logged, in order, or mappings; where this is left out, what the client gets.")
    package var errors: [Expected]?

    package init() {}

    /// What is spoken, where it says nothing else.
    package var spoken: TestFormat { format ?? .json }

    /// This scene, with the other's values where it says nothing.
    fileprivate func over(_ other: TestScene) -> TestScene {
        var scene = self
        scene.format = format ?? other.format
        scene.model = model ?? other.model
        scene.database = database ?? other.database
        scene.send = send ?? other.send
        scene.expect = expect ?? other.expect
        scene.rows = rows ?? other.rows
        scene.order = order ?? other.order
        scene.logs = logs ?? other.logs
        scene.errors = errors ?? other.errors
        return scene
    }
}

/// What is spoken in a test.
package enum TestFormat: String, CaseIterable, SettingValue {
    case json, text
}

/// Something that happens in a test.
package enum TestEvent: String, CaseIterable, SettingValue {
    /// A model is asked.
    case asked
    /// Rows are stored.
    case stored
    /// A piece of an answer goes to the client.
    case delta
    /// An answer goes to the client.
    case response
    /// An error goes to the client.
    case error
}
