import NATS
import Pipeline
import Synchronization
import TestNATS
import Testing

@testable import Resources

@Suite("A message that a process has put into a stream in NATS and taken from memory", .timeLimit(.minutes(2)))
struct RedeliveredMessageTests {
    private func opened(_ body: (PartitionedQueue) async throws -> Void) async throws {
        let server = try await TestServer()
        defer { server.end() }
        let store = NATSQueue(url: Secret(server.url), size: .mebibytes(64))
        try await store.open(ResourceContext(name: "queue"))
        let queue = try #require(
            try await store.queue(for: "step", Queue.Options(capacity: nil, lanes: 1, pipeline: "own"))
                as? PartitionedQueue)
        #expect(await queue.waitUntilWorking(within: .seconds(20)))
        try await body(queue)
        await store.close()
    }

    @Test("is waited for by who is to work on it, but no longer than is said, also by who gets a processor late")
    func waiting() async throws {
        try await opened { queue in
            // As before the stream is found.
            queue.state.withLock { ($0.isReady, $0.hasShare) = (false, false) }
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        for _ in 0..<2_000 where await queue.waitUntilWorking(within: .zero) {
                            Issue.record("it has no part")
                        }
                    }
                }
            }
        }
    }

    private func message(_ prompt: String) -> Message {
        var message = Message(
            prompt: prompt, session: Session(id: "s", username: "u"), clientID: prompt,
            metadata: ["a": .array([.int(1), .null])])
        message.completion = Completion(text: "answer \"\(prompt)\"", tokensUsed: 7, response: #"{"x":"y"}"#)
        message[Field("mood")] = .string("good")
        return message
    }

    private func next(_ queue: PartitionedQueue) async -> [QueuedMessage] {
        await queue.next(lane: 0, upTo: 10, lingering: .zero)
    }

    private func loseConsumers(of queue: PartitionedQueue) {
        queue.state.withLock { state in
            for partition in state.partitions.indices { queue.loseLocked(partition, &state) }
            state.kick()
        }
    }

    /// Waits until the stream has so many messages.
    private func wait(for count: Int, in queue: PartitionedQueue) async throws {
        for _ in 0..<4_000 {
            if try await queue.jetStream.stream(queue.stream)?.messages == count { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("the stream does not have \(count) messages")
    }

    @Test("is delivered once more, whole, where its consumer is lost before its stage has ended")
    func lost() async throws {
        try await opened { queue in
            let message = message("first")
            #expect(try await queue.push(message) == .accepted)
            let first = await next(queue)
            #expect(first.map { Message.Record($0.message) } == [Message.Record(message)])
            // It was not read, and nothing is left that could be taken for it again.
            #expect(queue.own.withLock(\.count) == 0)
            loseConsumers(of: queue)
            queue.putBack(first, lane: 0)
            let again = await next(queue)
            #expect(again.map { Message.Record($0.message) } == [Message.Record(message)])
            #expect(again.map(\.ticket) == first.map(\.ticket))
            queue.finish(again, lane: 0)
            try await wait(for: 0, in: queue)
            // Nothing of it stands before what comes next.
            let second = self.message("second")
            #expect(try await queue.push(second) == .accepted)
            let following = await next(queue)
            #expect(following.map(\.message.id) == [second.id])
            queue.finish(following, lane: 0)
            try await wait(for: 0, in: queue)
        }
    }

    @Test("is not worked on again where it was finished and its acknowledgement did not arrive")
    func finished() async throws {
        try await opened { queue in
            #expect(try await queue.push(message("first")) == .accepted)
            let first = await next(queue)
            #expect(first.count == 1)
            // As a consumer that is gone, whose acknowledgements count for nothing.
            loseConsumers(of: queue)
            for consumer in queue.state.withLock({ state in
                defer { state.leftovers = [] }
                return state.leftovers
            }) { try await queue.jetStream.delete(consumer: consumer, of: queue.stream) }
            queue.finish(first, lane: 0)
            // It comes again, and is acknowledged without a worker.
            try await wait(for: 0, in: queue)
            #expect(queue.memory.count == 0)
        }
    }
}
