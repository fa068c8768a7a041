import Synchronization
import TestLoops
import TestNATS
import Testing
import Threads

@testable import NATS

@Suite("What an event loop publishes", .timeLimit(.minutes(2)))
struct LoopPublisherTests {
    private func connected(_ body: (NATSConnection, JetStream, TestServer) async throws -> Void) async throws {
        let server = try await TestServer()
        defer { server.end() }
        let connection = try NATSConnection.shared(NATSSettings(servers: [server.url]))
        defer { connection.close() }
        #expect(await connection.waitUntilConnected(within: .seconds(20)))
        let jetStream = JetStream(connection)
        try await jetStream.create(StreamConfiguration(name: "loop", subjects: ["loop.>"]))
        try await body(connection, jetStream, server)
    }

    /// Waits until what is published on a loop goes over its own connection, or no longer does.
    private func wait(until isReady: Bool, _ connection: NATSConnection, on loop: TestLoop) async throws {
        for _ in 0..<4_000 {
            let found = await on(loop) { connection.publisher()?.isReady }
            if found == isReady { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("it is not so")
    }

    private func on<Value: Sendable>(_ loop: TestLoop, _ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in loop.execute { continuation.resume(returning: body()) } }
    }

    private func publish(_ count: Int, from loop: TestLoop, _ jetStream: JetStream) async throws -> [UInt64] {
        try await Task(executorPreference: loop) {
            var sequences: [UInt64] = []
            for number in 0..<count {
                sequences.append(
                    try await jetStream.publishUncancelled(Array("\(number)".utf8), to: "loop.a", id: "\(number)")
                        .get().sequence)
                #expect(LoopThread.current?.loop === loop)
            }
            return sequences
        }.value
    }

    @Test func `It is acknowledged on its thread, in order and once for each id`() async throws {
        let loop = TestLoop()
        defer { loop.stop() }
        try await connected { connection, jetStream, _ in
            try await wait(until: true, connection, on: loop)
            #expect(try await publish(20, from: loop, jetStream) == Array(1...20))
            #expect(try await publish(20, from: loop, jetStream) == Array(1...20))
            // Many at once leave together, and in the order in which they were asked for.
            let last = try await withThrowingTaskGroup(of: (Int, UInt64).self) { group in
                for number in 0..<500 {
                    group.addTask(executorPreference: loop) {
                        let id = "many-\(number)"
                        return (number, try await jetStream.publishUncancelled([], to: "loop.b", id: id).get().sequence)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
            }
            #expect(last == Array(21...520))
            #expect(try await jetStream.stream("loop")?.messages == 520)
        }
    }

    @Test func `What is too large, or has no stream, is refused`() async throws {
        let loop = TestLoop()
        defer { loop.stop() }
        try await connected { connection, jetStream, _ in
            try await wait(until: true, connection, on: loop)
            let limit = connection.maxPayload
            await Task(executorPreference: loop) {
                await #expect(throws: NATSError.tooLarge(bytes: limit + 1, limit: limit)) {
                    try await jetStream.publishUncancelled(
                        [UInt8](repeating: 0, count: limit + 1), to: "loop.a", id: "a"
                    ).get()
                }
                await #expect(throws: NATSError.noResponders) {
                    try await jetStream.publishUncancelled([], to: "nobody", id: "a").get()
                }
            }.value
        }
    }

    @Test func `What is in flight fails when the server goes, and it goes on when it is back`() async throws {
        let loop = TestLoop()
        defer { loop.stop() }
        try await connected { connection, jetStream, server in
            try await wait(until: true, connection, on: loop)
            // Heard, and never answered.
            let observation = connection.subscribe(to: "silent") { _ in }
            _ = try? await connection.request([], to: "silent", timeout: .milliseconds(1))
            let asking = Task(executorPreference: loop) {
                try await jetStream.publishUncancelled([], to: "silent", id: "a").get()
            }
            try await Task.sleep(for: .milliseconds(20))
            server.stop()
            await #expect(throws: NATSError.notConnected) { try await asking.value }
            try await wait(until: false, connection, on: loop)
            try await server.goOn()
            try await wait(until: true, connection, on: loop)
            #expect(await connection.waitUntilConnected(within: .seconds(20)))
            #expect(try await publish(3, from: loop, jetStream) == [1, 2, 3])
            observation.cancel()
        }
    }

    @Test func `It goes over the connection of all where the loop takes no descriptors`() async throws {
        let loop = TestLoop(takesBells: false)
        defer { loop.stop() }
        try await connected { connection, jetStream, _ in
            #expect(try await publish(5, from: loop, jetStream) == Array(1...5))
            try await Task.sleep(for: .milliseconds(50))
            #expect(await on(loop) { connection.publisher()?.isReady } == false)
            #expect(try await publish(6, from: loop, jetStream) == Array(1...6))
        }
    }

    @Test func `A loop that ends leaves nothing behind, and others go on`() async throws {
        let (loop, other) = (TestLoop(), TestLoop())
        defer { other.stop() }
        try await connected { connection, jetStream, _ in
            for each in [loop, other] { try await wait(until: true, connection, on: each) }
            weak let publisher = await on(loop) { connection.publisher() }
            loop.stop()
            #expect(try await publish(5, from: other, jetStream) == Array(1...5))
            for _ in 0..<4_000 where publisher != nil { try await Task.sleep(for: .milliseconds(5)) }
            #expect(publisher == nil)
        }
    }
}
