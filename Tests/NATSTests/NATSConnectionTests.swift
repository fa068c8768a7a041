import NATS
import Synchronization
import TestNATS
import Testing

@Suite("A connection to NATS", .timeLimit(.minutes(2)))
struct NATSConnectionTests {
    private func connected(_ body: (NATSConnection, TestServer) async throws -> Void) async throws {
        let server = try await TestServer()
        defer { server.end() }
        let connection = try NATSConnection.shared(NATSSettings(servers: [server.url]))
        defer { connection.close() }
        #expect(await connection.waitUntilConnected(within: .seconds(20)))
        try await body(connection, server)
    }

    private final class Count: Sendable {
        private let state = Atomic<Int>(0)
        var value: Int { state.load(ordering: .relaxed) }
        func add() { state.add(1, ordering: .relaxed) }
    }

    @Test func `A connection that does not come is waited for no longer than is said`() async throws {
        let connection = try NATSConnection.shared(NATSSettings(servers: ["nats://127.0.0.1:1"]))
        defer { connection.close() }
        let ended = Count()
        for _ in 0..<16 {
            Task {
                for _ in 0..<2_000 where await !connection.waitUntilConnected(within: .zero) {}
                ended.add()
            }
        }
        for _ in 0..<10_000 where ended.value < 16 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(ended.value == 16)
    }

    @Test func `What is asked is answered by who listens, headers and all`() async throws {
        try await connected { connection, _ in
            let observation = connection.subscribe(to: "echo.*") { message in
                guard let reply = message.reply else { return }
                connection.publish(
                    message.payload + Array(message.subject.utf8), to: reply,
                    headers: [("Word", message.header("Word") ?? "")])
            }
            let answer = try await connection.request(Array("a ".utf8), to: "echo.b", headers: [("Word", "w")])
            #expect(answer.payload == Array("a echo.b".utf8))
            #expect(answer.header("Word") == "w" && answer.header("Other") == nil)
            observation.cancel()
        }
    }

    @Test(arguments: ["nobody", "$KV.nothing.ann"])
    func `Nobody who listens is told at once`(subject: String) async throws {
        try await connected { connection, _ in
            let begun = ContinuousClock.now
            for headers in [[], [("Nats-Expected-Last-Subject-Sequence", "0")]] as [[NATSHeader]] {
                await #expect(throws: NATSError.noResponders) {
                    try await connection.request(Array("{}".utf8), to: subject, headers: headers, timeout: .seconds(60))
                }
            }
            #expect(ContinuousClock.now - begun < .seconds(10))
        }
    }

    @Test func `An answer that does not come is given up`() async throws {
        try await connected { connection, _ in
            let observation = connection.subscribe(to: "silent") { _ in }
            await #expect(throws: NATSError.timeout) {
                try await connection.request([], to: "silent", timeout: .milliseconds(50))
            }
            let asking = Task { try await connection.request([], to: "silent", timeout: .seconds(100)) }
            asking.cancel()
            await #expect(throws: NATSError.closed) { try await asking.value }
            observation.cancel()
        }
    }

    @Test func `A message that is larger than the server takes is refused before it leaves`() async throws {
        try await connected { connection, _ in
            let large = [UInt8](repeating: 0, count: connection.maxPayload + 1)
            await #expect(throws: NATSError.tooLarge(bytes: large.count, limit: connection.maxPayload)) {
                try await connection.request(large, to: "any")
            }
        }
    }

    @Test func `Those with the same settings share a connection`() async throws {
        try await connected { connection, server in
            let other = try NATSConnection.shared(NATSSettings(servers: [server.url]))
            #expect(other === connection)
            other.close()
            #expect(connection.isConnected && !connection.isOver)
        }
    }

    @Test func `What is in flight fails at once when the server goes`() async throws {
        try await connected { connection, server in
            let observation = connection.subscribe(to: "silent") { _ in }
            let asking = Task { try await connection.request([], to: "silent", timeout: .seconds(100)) }
            // The request has left once one behind it was answered.
            await #expect(throws: NATSError.noResponders) { try await connection.request([], to: "nobody") }
            server.end()
            await #expect(throws: NATSError.notConnected) { try await asking.value }
            #expect(!connection.isConnected && connection.problem != nil)
            #expect(!connection.publish([], to: "any"))
            observation.cancel()
        }
    }

    @Test func `A last message is replaced only where it is the expected one`() async throws {
        try await connected { connection, _ in
            let jetStream = JetStream(connection)
            var configuration = StreamConfiguration(name: "last", subjects: ["last.>"])
            configuration.maxMessagesPerSubject = 1
            try await jetStream.create(configuration)
            #expect(try await jetStream.last(of: "last.a", in: "last") == nil)
            let first = try await jetStream.publish([1], to: "last.a", expectedLast: 0)
            await #expect(throws: NATSError.self) { try await jetStream.publish([2], to: "last.a", expectedLast: 0) }
            _ = try await jetStream.publish([3], to: "last.a", expectedLast: first.sequence)
            #expect(try await jetStream.last(of: "last.a", in: "last")?.payload == [3])
        }
    }
}
