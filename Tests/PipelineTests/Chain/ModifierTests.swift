import Synchronization
import TestPatience
import Testing

@testable import Pipeline

@Suite("Modifiers")
struct ModifierTests {
    private func run(_ prompt: String = "hello", @Chain.Builder _ steps: () -> [Chain.Step]) async throws -> Message {
        let chain = try Chain(steps)
        var message = Message(prompt: prompt)
        try await chain.run(&message)
        return message
    }

    @Test("a chain runs its stages one after the other on the same message")
    func order() async throws {
        let message = try await run {
            Probe { $0.prompt += " a" }
            Probe { $0.prompt += " b" }
        }
        #expect(message.prompt == "hello a b")
    }

    @Test("an error carries the label of the step that threw it, and hides what clients must not see")
    func attribution() async throws {
        let chain = try Chain { Probe { _ in throw SomeError() }.label("breaks") }
        var message = Message(prompt: "hello")
        let error = await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(error?.stage == "breaks")
        #expect(error?.code == .stageFailed)
        #expect(error?.message.contains("SomeError") == false)
        #expect(error?.detail?.contains("SomeError") == true)
    }

    @Test("a stage that comes again gets a number")
    func labels() throws {
        let chain = try Chain {
            Probe(); Probe(); Probe().label("probe-2"); Probe()
        }
        #expect(chain.labels == ["probe", "probe-3", "probe-2", "probe-4"])
    }

    @Test("a stage that ignores cancellation is left behind at its timeout")
    func timeout() async throws {
        let gate = Gate()
        let chain = try Chain { Probe { _ in await gate.pass() }.timeout(.milliseconds(20)) }
        var message = Message(prompt: "hello")
        let error = await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(error?.code == .timeout)
        gate.open()
    }

    @Test("a stage that heeds cancellation ends at its timeout")
    func cancelledAtTimeout() async throws {
        let isCancelled = Mutex(false)
        let chain = try Chain {
            Probe { _ in
                do {
                    try await Task.sleep(for: .seconds(3_600))
                } catch {
                    isCancelled.withLock { $0 = true }
                    throw error
                }
            }.timeout(.milliseconds(20))
        }
        var message = Message(prompt: "hello")
        await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        let deadline = ContinuousClock.now + .patience(.seconds(5))
        while !isCancelled.withLock(\.self), ContinuousClock.now < deadline { await Task.yield() }
        #expect(isCancelled.withLock(\.self) == true)
    }

    @Test("what a stage changed within its timeout stays")
    func timeoutKeepsChanges() async throws {
        let message = try await run { Probe { $0.prompt = "changed" }.timeout(.seconds(10)) }
        #expect(message.prompt == "changed")
    }

    @Test("an error that may pass is tried again, with the message as it was before")
    func retry() async throws {
        let attempts = Mutex(0)
        var policy = Chain.RetryPolicy()
        policy.backoff = .milliseconds(1)
        let message = try await run {
            Probe { message in
                message.prompt += "!"
                if attempts.withLock({
                    $0 += 1; return $0
                }) < 3 {
                    throw PipelineError.passing
                }
            }.retry(policy)
        }
        #expect(attempts.withLock(\.self) == 3)
        #expect(message.prompt == "hello!")
    }

    @Test("nothing is retried unless asked, and then no more often than asked", arguments: [nil, 1, 4])
    func retryLimit(attempts: Int?) async throws {
        let count = Mutex(0)
        let probe = Probe { _ in
            count.withLock { $0 += 1 }
            throw PipelineError.passing
        }
        let chain = try Chain {
            if let attempts {
                probe.retry(policy(attempts: attempts))
            } else {
                probe
            }
        }
        var message = Message(prompt: "hello")
        await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(count.withLock(\.self) == attempts ?? 1)
    }

    private func policy(attempts: Int) -> Chain.RetryPolicy {
        var policy = Chain.RetryPolicy()
        policy.attempts = attempts
        policy.backoff = .microseconds(100)
        return policy
    }

    @Test("an error that will not pass is not tried again")
    func noRetry() async throws {
        let count = Mutex(0)
        let chain = try Chain {
            Probe { _ in
                count.withLock { $0 += 1 }
                throw PipelineError(.tooLong, "no")
            }.retry()
        }
        var message = Message(prompt: "hello")
        await #expect(throws: PipelineError.self) { try await chain.run(&message) }
        #expect(count.withLock(\.self) == 1)
    }

    @Test("waits double up to their limit and vary by at most a quarter")
    func backoff() {
        var policy = Chain.RetryPolicy()
        policy.backoff = .seconds(1)
        policy.maxBackoff = .seconds(5)
        for (failures, limit) in [(1, 1.0), (2, 2), (3, 4), (4, 5), (60, 5)] {
            let delay = policy.delay(afterFailures: failures) / .seconds(1)
            #expect(delay <= limit && delay >= limit * 0.75)
        }
    }

    /// How long a stage takes that fails once, with an API that asks for so much patience, and how often it ran.
    private func run(
        asking wait: Duration, upTo limit: Duration
    ) async -> (time: Duration, runs: Int, error: PipelineError?) {
        let count = Mutex(0)
        var policy = policy(attempts: 3)
        policy.maxBackoff = limit
        let start = ContinuousClock.now
        do {
            _ = try await run {
                Probe { _ in
                    let runs = count.withLock {
                        $0 += 1
                        return $0
                    }
                    var error = PipelineError.passing
                    error.retryAfter = wait
                    if runs == 1 { throw error }
                }.retry(policy)
            }
            return (.now - start, count.withLock(\.self), nil)
        } catch {
            return (.now - start, count.withLock(\.self), error as? PipelineError)
        }
    }

    @Test("what an API asks to wait is waited for, where the file allows so much")
    func retryAfter() async {
        let patient = await run(asking: .milliseconds(40), upTo: .seconds(60))
        #expect(patient.runs == 2 && patient.error == nil)
        #expect(patient.time >= .milliseconds(40))
        let impatient = await run(asking: .milliseconds(300), upTo: .milliseconds(100))
        #expect(impatient.runs == 1 && impatient.error?.code == .modelUnavailable)
    }

    @Test("on_error: continue goes on with the message as it was")
    func continues() async throws {
        let message = try await run {
            Probe { message in
                message.prompt = "half done"
                throw SomeError()
            }.onError(.continue)
            Probe { $0.prompt += " onward" }
        }
        #expect(message.prompt == "hello onward")
    }

    @Test("on_error with stages runs them instead")
    func fallback() async throws {
        let message = try await run {
            Probe { _ in throw SomeError() }.onError(.run([Chain.Step(Probe { $0.prompt = "instead" })]))
            Probe { $0.prompt += " onward" }
        }
        #expect(message.prompt == "instead onward")
    }

    @Test("a stage with a condition runs for the messages it is for", arguments: [("/loud hi", "LOUD"), ("hi", "hi")])
    func condition(prompt: String, expected: String) async throws {
        let message = try await run(prompt) {
            Entry()
            Probe { $0.prompt = "LOUD" }.when(Chain.Condition("prompt", .startsWith("/loud")))
        }
        #expect(message.prompt == expected)
    }
}
