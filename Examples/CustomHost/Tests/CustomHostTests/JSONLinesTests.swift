import Foundation
import Pipeline
import PipelineTesting
import Testing

@testable import CustomHost

@Suite("json_lines")
struct JSONLinesTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lines-\(UUID().uuidString)").path

    @Test("keeps to the rules of stores", arguments: RowStoreConformance.withoutSQL)
    func rules(_ rule: RowStoreConformance) async throws {
        let findings = await rule.findings(of: JSONLines(folder: folder))
        #expect(findings == [])
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test("finds its rows again, but for a line that a crash has torn, and goes on below it")
    func torn() async throws {
        let path = "\(folder)/requests.jsonl"
        let row = { (prompt: String) in
            Row(
                id: .random(), sessionID: "s", prompt: prompt, response: "r", username: "ada",
                createdAt: Timestamp(microseconds: 1))
        }
        try await JSONLines(folder: folder).insert([row("kept")], into: "requests")
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(#"{"id":"torn"#.utf8))
        try file.close()
        let again = JSONLines(folder: folder)
        try await again.insert([row("later")], into: "requests")
        let prompts = try await again.rows(ofSession: "s", in: "requests", limit: 10).map(\.prompt)
        #expect(Set(prompts) == ["kept", "later"])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test("a folder that can't be made is an outage, which passes")
    func outage() async {
        let error = await #expect(throws: PipelineError.self) {
            try await JSONLines(folder: "/dev/null/rows").prepare(table: "requests")
        }
        #expect(error?.code == .databaseUnavailable)
    }
}
