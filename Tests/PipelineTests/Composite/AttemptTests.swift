import Synchronization
import Testing

@testable import Pipeline

@Suite("Attempt and catch")
struct AttemptTests {
    /// Fails without waiting.
    private struct Fail: ImmediateStage {
        static let name = "fail"
        func run(_ message: inout Message) throws { throw PipelineError(.tooLong, "too long for us") }
    }

    private let waiting = Probe { $0.prompt += " waited" }

    private func run(waits: Bool, @Chain.Builder _ steps: () -> [Chain.Step]) async throws -> Message {
        let chain = try Chain(steps)
        var message = Message(prompt: "x")
        if waits {
            try await chain.run(&message)
        } else if let next = try chain.runWithoutWaiting(&message) {
            try await chain.run(&message, from: next)
        }
        return message
    }

    @Test("where nothing fails 'catch' does not run", arguments: [true, false])
    func good(waits: Bool) async throws {
        let message = try await run(waits: waits) {
            Chain.Attempt {
                Mark("a"); waiting; Mark("b")
            } catch: {
                Mark("caught")
            }
        }
        #expect(message.prompt == "x a waited b")
    }

    @Test("'catch' gets the message as it came, with the error", arguments: [true, false])
    func caught(waits: Bool) async throws {
        let message = try await run(waits: waits) {
            Chain.Attempt {
                Mark("a"); waiting; Fail().label("breaks")
            } catch: {
                Mark("caught")
            }
            Mark("end")
        }
        #expect(message.prompt == "x caught end")
        #expect(message[.errorCode] == .string("too_long"))
        #expect(message[.errorMessage] == .string("too long for us"))
        #expect(message[.errorStage] == .string("breaks"))
    }

    @Test("all of it runs without waiting where its stages do")
    func withoutWaiting() throws {
        let chain = try Chain {
            Chain.Attempt {
                Mark("a"); Fail()
            } catch: {
                Mark("caught")
            }
        }
        var message = Message(prompt: "x")
        #expect(try chain.runWithoutWaiting(&message) == nil)
        #expect(message.prompt == "x caught")
    }

    @Test("an error in 'catch' is the attempt's own", arguments: [true, false])
    func failingCatch(waits: Bool) async throws {
        let error = await #expect(throws: PipelineError.self) {
            try await run(waits: waits) {
                Chain.Attempt {
                    Fail()
                } catch: {
                    Probe { _ in throw SomeError() }.label("second")
                }
            }
        }
        #expect(error?.stage == "second")
        let message = try await run(waits: waits) {
            Chain.Attempt {
                Chain.Attempt {
                    Fail()
                } catch: {
                    Fail()
                }
            } catch: {
                Mark("outer")
            }
        }
        #expect(message.prompt == "x outer")
    }

    @Test("a message that is cancelled is not caught")
    func cancelled() async throws {
        let caught = Mutex(false)
        let started = Journal<String>()
        let chain = try Chain {
            Chain.Attempt {
                Probe { _ in
                    started.note("begun")
                    try await Task.sleep(for: .seconds(60))
                }
            } catch: {
                Probe { _ in caught.withLock { $0 = true } }
            }
        }
        let task = Task {
            var message = Message(prompt: "x")
            try await chain.run(&message)
        }
        await started.wait(for: 1)
        task.cancel()
        await #expect(throws: PipelineError.cancelled.with(stage: "probe")) { try await task.value }
        #expect(caught.withLock(\.self) == false)
    }

    @Test("retry and timeout beside it hold for the attempt with its 'catch'")
    func modifiers() async throws {
        let runs = Mutex(0)
        var policy = Chain.RetryPolicy()
        policy.backoff = .microseconds(10)
        let message = try await run(waits: true) {
            Chain.Attempt {
                Fail()
            } catch: {
                Probe { message in
                    message.prompt += " \(runs.withLock { $0 += 1; return $0 })"
                    if runs.withLock(\.self) < 3 { throw PipelineError.passing }
                }
            }.retry(policy).timeout(.seconds(60))
        }
        #expect(message.prompt == "x 3")
    }

    @Test("stages of 'on_error' find the error, too")
    func onError() async throws {
        let message = try await run(waits: true) { Fail().onError(.run([Chain.Step(Mark("instead"))])) }
        #expect(message[.errorCode] == .string("too_long"))
    }
}

extension PipelineError {
    func with(stage: String) -> PipelineError {
        var copy = self
        copy.stage = stage
        return copy
    }
}
