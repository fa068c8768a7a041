import Foundation
import Pipeline
import PipelineTesting
import Resources
import TestNATS
import Testing

@Suite("The rules of queues", .timeLimit(.minutes(2)))
struct QueueConformanceTests {
    @Test("are kept in memory", arguments: QueueConformance.allCases)
    func memory(_ rule: QueueConformance) async {
        let findings = await rule.findings { Memory() }
        #expect(findings == [])
    }

    @Test("are kept on disk", arguments: QueueConformance.allCases)
    func disk(_ rule: QueueConformance) async {
        let folder = FileManager.default.temporaryDirectory.appending(path: "queue-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "queue.db").path
        let findings = await rule.findings { Disk(path: path, size: .mebibytes(64)) }
        #expect(findings == [])
    }

    @Test("are kept in NATS", arguments: QueueConformance.allCases)
    func nats(_ rule: QueueConformance) async throws {
        let server = try await TestServer()
        defer { server.end() }
        let url = Secret(server.url)
        let findings = await rule.findings { NATSQueue(url: url, size: .mebibytes(64)) }
        #expect(findings == [])
    }

    /// Takes more than its steps want.
    private struct Boundless: QueueStore {
        static let name = "boundless"
        var guarantee: Queue.Guarantee { .memory(capacity: 10) }

        func queue(for consumer: String, _ options: Queue.Options) async throws -> any MessageQueue {
            try await Memory().queue(for: "", Queue.Options(capacity: 1_000, lanes: options.lanes))
        }
    }

    @Test("find a queue that has no limit")
    func limit() async {
        #expect(await QueueConformance.capacity.findings { Boundless() } != [])
        #expect(await QueueConformance.order.findings { Boundless() } == [])
    }
}
