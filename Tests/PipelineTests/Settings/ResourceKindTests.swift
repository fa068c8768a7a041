import Pipeline
import Testing

@Suite("A kind of resources")
struct ResourceKindTests {
    /// The only error of a file whose stage finds no resource of its kind.
    private func problem(of stage: any Stage.Type, _ types: [any Resource.Type], resources: String = "{}") throws
        -> String
    {
        let registry = try Registry(stages: [Entry.self, stage], resources: types)
        let loader = PipelineLoader(registry: registry, environment: Environment())
        let text = "pipeline: p\nresources: \(resources)\nstages: [entry, \(stage.name)]\n"
        let errors = loader.load(SourceFile(path: "p.yaml", text: text)).diagnostics.filter { $0.severity == .error }
        return try #require(errors.count == 1 ? errors.first?.message : nil, "\(errors.map(\.message))")
    }

    @Test("of somebody's own is called as its types say")
    func own() throws {
        #expect(
            try problem(of: Borrow.self, [Oak.self])
                == "stage 'borrow' needs a shelf, and 'resources' has none; add 'shelf: {oak: {…}}'")
        #expect(
            try problem(of: Borrow.self, [Oak.self, Own.Talker.self], resources: "{talker: talker}")
                == "stage 'borrow' needs a shelf, and 'resources' has none; add 'shelf: {oak: {…}}'")
    }

    @Test("is called by the name of its protocol where they don't")
    func nameless() throws {
        #expect(
            try problem(of: Ride.self, [])
                == "stage 'ride' needs a resource of the kind Bus, and 'resources' has none")
    }

    @Test("is no model because its protocol is called so")
    func namesake() throws {
        let problem = try problem(of: Paint.self, [Own.Talker.self, Own.Sitter.self], resources: "{talker: talker}")
        #expect(problem == "stage 'paint' needs a sitter, and 'resources' has none; add 'sitter: {sitter: {…}}'")
    }
}

private protocol Shelf: Resource {}

extension Shelf {
    static var kind: String { "shelf" }
}

private struct Oak: Shelf {
    static let name = "oak"
}

private protocol Bus: Resource {}

private enum Own {
    protocol Model: Resource {}

    struct Sitter: Model {
        static let name = "sitter"
        static let kind = "sitter"
    }

    struct Talker: Pipeline.Model {
        static let name = "talker"

        func complete(_ request: CompletionRequest) async throws -> Completion { Completion(text: "") }
    }
}

private struct Borrow: ImmediateStage {
    static let name = "borrow"
    @Uses("Where the books are.") var shelf: any Shelf

    func run(_ message: inout Message) throws {}
}

private struct Ride: ImmediateStage {
    static let name = "ride"
    @Uses("What it takes.") var bus: any Bus

    func run(_ message: inout Message) throws {}
}

private struct Paint: ImmediateStage {
    static let name = "paint"
    @Uses("Who sits.") var model: any Own.Model

    func run(_ message: inout Message) throws {}
}
