import Pipeline
import Resources
import Stages
import Testing

@testable import Host
@testable import Server

/// Entry stages, storing stages and stages that ask models count by their protocols, whoever wrote them.
@Suite("Stages of one's own in the host")
struct OwnStagesTests {
    private struct Door: EntryStage {
        static let name = "door"
        @Setting("Where clients connect.") var path = "/door"
        var concurrency: Int { 3 }
        var provides: Fields { [.prompt] }
        func run(_ message: inout Message) async throws {}
    }

    private struct Keep: StoringStage {
        static let name = "keep"
        @Uses("Where the rows go.") var store: any RowStore
        @Setting("The table's name.") var table = "requests"
        var requires: Fields { [.prompt, .completion] }
        func run(_ message: inout Message) async throws {
            if let row = Row(message) { try await store.insert([row], into: table) }
        }
    }

    private struct Ask: AskingStage {
        static let name = "ask"
        @Uses("Who is asked.") var api: any Model
        var model: String { "mine" }
        var requires: Fields { [.prompt] }
        var provides: Fields { [.completion] }
        func run(_ message: inout Message) async throws {
            message.completion = try await api.complete(
                CompletionRequest(model: model, turns: [.init(.user, message.prompt)], timeout: timeout))
        }
    }

    private func load(_ text: String) throws -> LoadedPipeline {
        let registry = try Registry(
            stages: [Door.self, Keep.self, Ask.self, Respond.self], resources: [Echo.self, SQLite.self])
        let loader = PipelineLoader(registry: registry, environment: Environment())
        return loader.load(SourceFile(path: "own.yaml", text: text))
    }

    private func file(_ text: String) throws -> PipelineFile {
        let loaded = try load(text)
        return try #require(loaded.file, "\(loaded.report)")
    }

    private let stages = "stages: [door, ask, {keep: {table: mine, resource: a}}, {keep: {resource: b}}, respond]\n"
    private let resources = "resources: {model: echo, a: {sqlite: {path: \":memory:\"}}, b: {sqlite: {path: b.db}}}\n"

    @Test("an entry stage is served, at its path and with its settings")
    func entry() throws {
        let served = try #require(ServedPipeline(try file("pipeline: own\n" + resources + stages)))
        #expect(served.path == "/door")
        #expect(served.entry.concurrency == 3)
        #expect(served.entry.format == .text)
        #expect(served.entry.onDisconnect == .cancel)
        #expect(served.entry.remember == .memory(.seconds(600)))
    }

    @Test("a path that the host serves itself is an error, also where the stage has not looked")
    func reserved() throws {
        let loaded = try load(
            "pipeline: own\nresources: {model: echo}\nstages: [{door: {path: /healthz}}, ask, respond]\n")
        let messages = EntryPaths.check(loaded).diagnostics.map(\.message)
        #expect(messages == ["the path of stage 'door' can't be /healthz: the host serves it"])
    }

    @Test("each table that a storing stage has is found, two databases of one type apart")
    func tables() throws {
        let tables = StoredTable.all(in: try file("pipeline: own\n" + resources + stages).chain)
        #expect(tables.map(\.name) == ["mine", "requests"])
        let same = "stages: [door, ask, {keep: {resource: a}}, {keep: {resource: b}}, {keep: {resource: a}}, respond]\n"
        let twice = StoredTable.all(in: try file("pipeline: own\n" + resources + same).chain)
        #expect(twice.map(\.stage) == ["keep", "keep-2"])
    }

    @Test("doctor asks the model that a stage of one's own asks")
    func doctor() async throws {
        let file = try file("pipeline: own\nresources: {model: echo}\nstages: [door, ask, respond]\n")
        var lines: [String] = []
        await Doctor(file, isQuick: false).examine { lines.append($0.line) }
        #expect(lines.contains { $0.hasPrefix("✓ model: 'mine' answered \"Say yes.\"") }, "\(lines)")
        #expect(lines.last == "✓ a conversation of three: 3 of 3 answered")
    }
}
