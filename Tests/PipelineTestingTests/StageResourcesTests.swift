import Pipeline
import PipelineTesting
import Synchronization
import Testing

@Suite("A stage in a test gets the resources that it uses")
struct StageResourcesTests {
    @Test("by a name that its entry may give")
    func named() async throws {
        let enter = try StageTest(
            "enter: {resource: small}", stages: [Enter.self],
            resources: ["large": Hall(seats: 9), "small": Hall(seats: 1)])
        #expect(try await enter.run("hello").message.prompt == "hello to 1")
    }

    @Test("by their kind, and by their type where defaults will do")
    func typed() async throws {
        #expect(
            try await StageTest("enter", stages: [Enter.self], resources: ["hall": Hall(seats: 2)]).run("hello")
                .message.prompt == "hello to 2")
        #expect(
            try await StageTest("enter", stages: [Enter.self], resources: [Hall.self]).run("hello").message.prompt
                == "hello to 3")
    }

    @Test("opened before it and closed after it")
    func lifecycle() async throws {
        let hall = Hall(seats: 2)
        let reply = try await StageTest("enter", stages: [Enter.self], resources: ["hall": hall]).run("hello")
        #expect(reply.message.prompt == "hello to 2")
        #expect(hall.events == ["opened", "closed"])
    }

    @Test("a model of its own in place of the scripted one")
    func model() async throws {
        let ask = try StageTest("ask", stages: [Ask.self], resources: ["mine": Constant()])
        #expect(try await ask.run("hello").message.completion?.text == "constant")
    }

    @Test("what is missing is said")
    func missing() {
        let none = #expect(throws: TestProblem.self) { try StageTest("enter", stages: [Enter.self]) }
        #expect(none?.description.contains("needs a resource of the kind Places, and 'resources' has none") == true)
        let unset = #expect(throws: TestProblem.self) {
            try StageTest("enter", stages: [Enter.self], resources: [Room.self])
        }
        #expect(unset?.description.hasPrefix("the resource 'room' needs its setting 'seats'") == true)
    }

    @Test("the rules of stages are looked at with them")
    func conformance() async {
        #expect(await StageConformance.findings(of: Enter.self, resources: ["hall": Hall(seats: 2)]) == [])
        #expect(await StageConformance.findings(of: Enter.self).map(\.rule).contains(.provides))
    }
}

private protocol Places: Resource {
    var seats: Int { get }
}

private struct Hall: Places {
    static let name = "hall"
    @Setting("How many seats it has.") var seats = 3
    @State private var log = Events()

    init() {}

    init(seats: Int) { self.seats = seats }

    var events: [String] { log.all }

    func open(_ context: ResourceContext) async throws { log.add("opened") }

    func close() async { log.add("closed") }
}

private struct Room: Places {
    static let name = "room"
    @Setting("How many seats it has.") var seats: Int
}

private struct Enter: Stage {
    static let name = "enter"
    @Uses("Where to.") var places: any Places

    func run(_ message: inout Message) async throws { message.prompt += " to \(places.seats)" }
}

private struct Constant: Model {
    static let name = "constant"

    func complete(_ request: CompletionRequest) async throws -> Completion { Completion(text: "constant") }
}

private struct Ask: Stage {
    static let name = "ask"
    @Uses("Who is asked.") var model: any Model
    var provides: Fields { [.completion] }

    func run(_ message: inout Message) async throws {
        message.completion = try await model.complete(
            CompletionRequest(model: "x", turns: [.init(.user, message.prompt)], timeout: .seconds(1)))
    }
}

private final class Events: Sendable {
    private let state = Mutex<[String]>([])

    var all: [String] { state.withLock(\.self) }

    func add(_ event: String) { state.withLock { $0.append(event) } }
}
