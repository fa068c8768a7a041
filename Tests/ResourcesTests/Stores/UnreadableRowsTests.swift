import Pipeline
import PipelineTesting
import Testing

@Suite("Rows that can't be read")
struct UnreadableRowsTests {
    private let log = TestLog()
    private let rows = UnreadableRows()

    init() {
        let overrides = EngineOverrides(clock: TestClock()) { [log] _ in log.handler() }
        EngineOverrides.$current.withValue(overrides) { [rows] in rows.begin(ResourceContext(name: "database")) }
    }

    @Test("are logged once each, without a text of theirs")
    func once() {
        for id in ["canary", "0197c2d4-4e7a-7cc1-a2c5-1f0a4be52e6d", "canary", nil, "canary", nil] {
            rows.note("requests", id: id, column: "created_at", found: "NULL")
        }
        let shown = log.entries.map { $0.metadata["row"] }
        #expect(shown == ["with another id", "0197c2d4-4e7a-7cc1-a2c5-1f0a4be52e6d", "without an id"])
    }

    @Test("are only counted once a hundred have been logged, and the log says so")
    func flood() {
        for number in 0..<1_000 { rows.note("requests", id: "\(number)", column: "prompt", found: "blob") }
        #expect(log.entries.count == 101)
        #expect(log.entries.last?.message == "Further rows that can't be read are only counted")
    }
}
