import Logging
import Pipeline
import PipelineTesting
import Synchronization
import TestPatience
import Testing

@testable import Resources

@Suite("A limit of calls at once", .timeLimit(.minutes(1)))
struct CallLimitTests {
    /// The calls that were begun, in order.
    private final class Names: Sendable {
        private let names = Mutex<[String]>([])
        var all: [String] { names.withLock(\.self) }
        func add(_ name: String) { names.withLock { $0.append(name) } }
    }

    private let places = CallLimit()
    private let clock = TestClock()
    private let begun = Names()

    /// Holds calls until the test lets them go, one after the other.
    private let gate = AsyncStream<Void>.makeStream()

    private func request(_ conversation: String, timeout: Duration = .seconds(60)) -> CompletionRequest {
        CompletionRequest(model: "m", turns: [], timeout: timeout, conversation: conversation)
    }

    private func call(_ name: String, atMost limit: Int = 1, timeout: Duration = .seconds(60)) async throws -> Duration
    {
        let overrides = EngineOverrides(clock: clock) { _ in SwiftLogNoOpLogHandler() }
        return try await EngineOverrides.$current.withValue(overrides) {
            let conversation = String(name.prefix { $0 != "-" })
            return try await places.run(atMost: limit, for: request(conversation, timeout: timeout)) { request in
                begun.add(name)
                for await _ in gate.stream { break }
                return request.timeout
            }
        }
    }

    private func wait(_ what: () -> Bool) async {
        #expect(await eventually(within: .seconds(10)) { what() })
    }

    @Test("gives the place of one that gives up to nobody, and the next place to another conversation")
    func giveUp() async throws {
        let first = Task { try await call("a") }
        await wait { begun.all == ["a"] }
        let second = Task { try await call("b") }
        await wait { places.waiting == 1 }
        let third = Task { try await call("c") }
        await wait { places.waiting == 2 }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(places.waiting == 1)
        gate.continuation.yield()
        _ = try await first.value
        await wait { begun.all == ["a", "c"] }
        gate.continuation.yield()
        _ = try await third.value
    }

    @Test("takes the waiting off a call's time")
    func timeLeft() async throws {
        let first = Task { try await call("a") }
        await wait { begun.all.count == 1 }
        let second = Task { try await call("b", timeout: .seconds(10)) }
        await wait { places.waiting == 1 }
        await clock.advance(by: .seconds(7))
        gate.continuation.yield()
        #expect(try await first.value == .seconds(60))
        gate.continuation.yield()
        #expect(try await second.value == .seconds(3))
    }

    @Test("ends the waiting of a call whose time is over, and keeps no place for it")
    func late() async throws {
        let first = Task { try await call("a") }
        await wait { begun.all.count == 1 }
        let second = Task { try await call("b", timeout: .seconds(5)) }
        await wait { places.waiting == 1 }
        await clock.advance(by: .seconds(5))
        let error = await #expect(throws: PipelineError.self) { try await second.value }
        #expect(error?.code == .modelTimeout)
        #expect(places.waiting == 0)
        gate.continuation.yield()
        _ = try await first.value
        let third = Task { try await call("c") }
        await wait { begun.all == ["a", "c"] }
        gate.continuation.yield()
        _ = try await third.value
    }

    @Test("lets conversations take turns, each with its calls in order")
    func turns() async throws {
        let first = Task { try await call("a") }
        await wait { begun.all.count == 1 }
        var rest: [Task<Duration, any Error>] = []
        for name in ["a-1", "a-2", "a-3", "b-1", "c-1"] {
            rest.append(Task { try await call(name) })
            await wait { places.waiting == rest.count }
        }
        for count in 2...6 {
            gate.continuation.yield()
            await wait { begun.all.count == count }
        }
        #expect(begun.all == ["a", "a-1", "b-1", "c-1", "a-2", "a-3"])
        gate.continuation.yield()
        for task in [first] + rest { _ = try await task.value }
        #expect(places.waiting == 0)
    }

    @Test("lets as many run as it says, and gives back the place of a call that fails")
    func places() async throws {
        let two = (0..<2).map { number in Task { try await call("a-\(number)", atMost: 2) } }
        await wait { begun.all.count == 2 }
        let third = Task { try await call("b", atMost: 2) }
        await wait { places.waiting == 1 }
        #expect(begun.all.count == 2)
        for _ in 0..<3 { gate.continuation.yield() }
        for task in two + [third] { _ = try await task.value }
        for _ in 0..<3 {
            await #expect(throws: PipelineError.self) {
                try await places.run(atMost: 1, for: request("d")) { _ in throw PipelineError(.modelTimeout, "late") }
            }
        }
    }
}
