import Pipeline
import Testing

@testable import Resources

@Suite("Reads that wait for a database", .timeLimit(.minutes(1)))
struct PendingReadsTests {
    @Test("end as soon as nothing is heard of it, and none begins until it is heard again")
    func silence() async throws {
        let reads = PendingReads()
        let (begun, never) = (FirstOutcome<Void>(), FirstOutcome<Void>())
        let waiting = Task {
            try await reads.run {
                begun.finish(.success(()))
                try await never.value()
            }
        }
        try await begun.value()
        reads.stop(because: PipelineError(.databaseUnavailable, "silent"))
        let error = await #expect(throws: PipelineError.self) { try await waiting.value }
        #expect(error?.code == .databaseUnavailable)
        await #expect(throws: PipelineError.self) { try await reads.run { Issue.record("a read has begun") } }
        reads.resume()
        #expect(try await reads.run { 7 } == 7)
    }
}
