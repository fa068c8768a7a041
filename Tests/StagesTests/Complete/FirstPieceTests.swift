import Logging
import Pipeline
import PipelineTesting
import Testing

@testable import Stages

@Suite("The first piece of an answer", .timeLimit(.minutes(1)))
struct FirstPieceTests {
    private let clock = TestClock()

    private func timed<Result: Sendable>(_ body: () async throws -> Result) async rethrows -> Result {
        let overrides = EngineOverrides(clock: clock) { _ in SwiftLogNoOpLogHandler() }
        return try await EngineOverrides.$current.withValue(overrides, operation: body)
    }

    /// A call that marks its first piece where `begins`, and ends where the test says so.
    private func call(begins: Bool, until end: FirstOutcome<Void>, marked: FirstOutcome<Void>) async throws
        -> Completion
    {
        try await timed {
            try await withFirstPiece(within: .seconds(2)) { first in
                if begins { first.mark() }
                marked.finish(.success(()))
                try await end.value()
                return Completion(text: "4")
            }
        }
    }

    @Test("that does not come in time ends the call, which is a time-out of the model")
    func late() async throws {
        let (end, marked) = (FirstOutcome<Void>(), FirstOutcome<Void>())
        let asking = Task { try await call(begins: false, until: end, marked: marked) }
        try await marked.value()
        await clock.waitForSleepers()
        await clock.advance(by: .seconds(2))
        let error = await #expect(throws: PipelineError.self) { try await asking.value }
        #expect(error?.code == .modelTimeout)
        // The call was cancelled, not left behind.
        #expect(end.isThere)
    }

    @Test("that comes in time leaves the rest all the time it needs")
    func inTime() async throws {
        let (end, marked) = (FirstOutcome<Void>(), FirstOutcome<Void>())
        let asking = Task { try await call(begins: true, until: end, marked: marked) }
        try await marked.value()
        await clock.advance(by: .seconds(60))
        end.finish(.success(()))
        #expect(try await asking.value.text == "4")
    }
}
