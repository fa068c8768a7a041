import Pipeline
import PipelineTesting
import Testing

@testable import Stages

@Suite("A model that is stood in for")
struct FallbackLogTests {
    private let log = TestLog()
    private let clock = TestClock()
    private let fallbacks = FallbackLog()

    private func withTestClock(_ body: () async -> Void) async {
        let overrides = EngineOverrides(clock: clock) { [log] _ in log.handler() }
        await EngineOverrides.$current.withValue(overrides) {
            fallbacks.begin(StageContext(label: "complete").logger)
            await body()
        }
    }

    private func fail(_ model: String = "first") {
        fallbacks.note(model, isReplacedBy: "second", after: PipelineError(.modelTimeout, "late"))
    }

    @Test("is said when that begins, once a minute while it lasts, and when it answers again")
    func once() async {
        await withTestClock {
            for _ in 0..<3 { fail() }
            await clock.advance(by: .seconds(59))
            fail()
            #expect(log.entries.map(\.message) == ["A model is stood in for"])
            await clock.advance(by: .seconds(1))
            for _ in 0..<2 { fail() }
            fallbacks.answered("second")
            fallbacks.answered("first")
            fallbacks.answered("first")
            #expect(
                log.entries.map(\.message) == [
                    "A model is stood in for", "A model is still stood in for", "A model answers again",
                ])
            #expect(log.entries.map { $0.metadata["messages"] } == ["1", "5", "6"])
        }
    }

    @Test("again and again within a minute is said five times")
    func flood() async {
        await withTestClock {
            for _ in 0..<20 {
                fail()
                fallbacks.answered("first")
            }
            #expect(log.entries.count == 10)
            await clock.advance(by: .seconds(61))
            fail()
            #expect(log.entries.count == 11)
        }
    }
}
