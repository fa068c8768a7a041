import Logging
import Pipeline
import PipelineTesting
import Testing

@testable import Resources

@Suite("A breaker of calls")
struct CircuitBreakerTests {
    private let breaker = CircuitBreaker()
    private let clock = TestClock()

    private static let down = PipelineError(.modelUnavailable, "down", isRetryable: true)
    private static let late = PipelineError(.modelTimeout, "late", isRetryable: true)
    private static let refused = PipelineError(.modelUnauthorized, "no")

    /// Runs a test by a clock that it moves.
    private func timed(_ test: () async throws -> Void) async rethrows {
        let overrides = EngineOverrides(clock: clock) { _ in SwiftLogNoOpLogHandler() }
        try await EngineOverrides.$current.withValue(overrides, operation: test)
    }

    /// What becomes of a call: "made" or the code of its error.
    private func call(_ outcome: (any Error)? = nil) async -> String {
        do {
            return try await breaker.run(isOn: true) {
                if let outcome { throw outcome }
                return "made"
            }
        } catch let error as PipelineError {
            return error.message == CircuitBreaker.error.message ? "rests" : error.message
        } catch {
            return "cancelled"
        }
    }

    private func fail(_ count: Int, with error: PipelineError = CircuitBreakerTests.down) async {
        for _ in 0..<count { #expect(await call(error) == error.message) }
    }

    @Test("makes no call for 30 s after five failures in a row, and then one")
    func rest() async {
        await timed {
            await fail(3)
            await fail(1, with: Self.late)
            #expect(!breaker.isOpen)
            #expect(await call(Self.down) == "down")
            #expect(breaker.isOpen)
            #expect(await call() == "rests")
            await clock.advance(by: .milliseconds(29_999))
            #expect(breaker.isOpen)
            #expect(await call() == "rests")
            await clock.advance(by: .milliseconds(1))
            #expect(!breaker.isOpen)
            #expect(await call() == "made")
        }
    }

    @Test("lets one call try at a time")
    func oneTrial() async throws {
        try await timed {
            await fail(5)
            await clock.advance(by: .seconds(30))
            try await breaker.run(isOn: true) {
                #expect(breaker.isOpen)
                #expect(await call() == "rests")
            }
            #expect(!breaker.isOpen)
            #expect(await call() == "made")
        }
    }

    @Test("rests for 30 s more after a trial that failed")
    func failedTrial() async {
        await timed {
            await fail(5)
            await clock.advance(by: .seconds(30))
            await fail(1)
            #expect(await call() == "rests")
            await clock.advance(by: .seconds(29))
            #expect(await call() == "rests")
            await clock.advance(by: .seconds(1))
            #expect(await call() == "made")
            // It begins to count again.
            await fail(4)
            #expect(!breaker.isOpen)
        }
    }

    @Test("lets another call try after a trial that was cancelled, which says nothing of the API")
    func cancelledTrial() async {
        await timed {
            await fail(5)
            await clock.advance(by: .seconds(30))
            #expect(await call(CancellationError()) == "cancelled")
            #expect(!breaker.isOpen)
            await fail(1)
            #expect(breaker.isOpen)
        }
    }

    @Test("counts failures in a row: an answer or a refusal between them begins anew, a cancelled call does not")
    func inARow() async {
        await timed {
            await fail(4)
            #expect(await call() == "made")
            await fail(4)
            #expect(await call(Self.refused) == "no")
            await fail(4)
            #expect(!breaker.isOpen)
            #expect(await call(CancellationError()) == "cancelled")
            await fail(1)
            #expect(breaker.isOpen)
        }
    }

    @Test("that is switched off lets every call through")
    func off() async {
        for _ in 0..<10 {
            await #expect(throws: PipelineError.self) {
                try await breaker.run(isOn: false) { throw Self.down }
            }
        }
        #expect(!breaker.isOpen)
    }
}
