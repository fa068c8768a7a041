import Pipeline
import Testing

@testable import Stages

@Suite("Examples of stages and resources")
struct ExampleFileTests {
    private static func registry(_ stages: [any Stage.Type] = []) throws -> Registry {
        try Registry(stages: BuiltIn.stages + stages, resources: BuiltIn.resources)
    }

    @Test(
        "each built-in one has a whole file, found good",
        arguments: BuiltIn.stages.map { $0.name } + BuiltIn.resources.map { $0.name })
    func builtIn(name: String) throws {
        let registry = try Self.registry()
        let text = try #require(ExampleFile(registry).text(for: name))
        let loader = PipelineLoader(registry: registry, environment: Environment())
        let loaded = loader.load(SourceFile(path: "example.yaml", text: text))
        if name == Use.name { return }
        #expect(loaded.diagnostics == [], "\(text)")
    }

    @Test("one of a custom stage has its defaults, samples of what must be there, and what it needs before it")
    func custom() throws {
        let text = ExampleFile(try Self.registry([Ranked.self])).text(for: "ranked")
        #expect(
            text == """
                pipeline: ranked-example
                resources:
                  model: echo
                  database:
                    sqlite: {path: data/stagecoach.db}
                stages:
                  - receive
                  - complete
                  - ranked: {word: "word", most: 5, wait: 2s, tone: "a \\"b\\""}
                  - persist: {table: requests}
                    async: true
                  - respond
                """)
    }

    @Test("a stage that no file suits has no example, and neither has one that there is not")
    func none() throws {
        let examples = ExampleFile(try Self.registry([Unsuited.self]))
        #expect(examples.text(for: "unsuited") == nil)
        #expect(examples.text(for: "nothing") == nil)
    }
}

private struct Ranked: Stage {
    static let name = "ranked"
    @Setting("A word.") var word: String
    @Setting("A number.", in: 5...9) var most = 5
    @Setting("A time.") var wait: Duration = .seconds(2)
    @Setting("A text.") var tone = "a \"b\""
    @Setting("May be left out.") var other: String?
    @Uses("Rows.") var database: any RowStore
    var requires: Fields { [.completion] }
    func run(_ message: inout Message) async throws {}
}

private struct Unsuited: Stage {
    static let name = "unsuited"
    var requires: Fields { [Field("nobody_provides_this")] }
    func run(_ message: inout Message) async throws {}
}
