import Testing

@testable import Pipeline

@Suite("Conditions")
struct ConditionTests {
    private var message: Message {
        var message = Message(
            prompt: "Hello, Wörld", session: Session(username: "ada"),
            metadata: ["age": .int(36), "tags": .array([]), "none": .null])
        message[Field("mood")] = .string("calm")
        return message
    }

    @Test(
        "each test looks at its field",
        arguments: [
            ("prompt", Condition.Test.equals(.string("Hello, Wörld")), true),
            ("prompt", .equals(.string("hello")), false),
            ("metadata.age", .equals(.int(36)), true),
            ("metadata.age", .equals(.string("36")), true),
            ("session.username", .oneOf([.string("bob"), .string("ada")]), true),
            ("session.username", .oneOf([]), false),
            ("prompt", .startsWith("Hello"), true),
            ("prompt", .longerThan(11), true),
            ("prompt", .longerThan(12), false),
            ("mood", .equals(.string("calm")), true),
            ("metadata.age", .present(true), true),
            ("metadata.none", .present(true), false),
            ("metadata.gone", .present(false), true),
            ("session.user_id", .present(true), false),
            ("completion", .startsWith(""), false),
        ])
    func tests(field: String, test: Condition.Test, holds: Bool) {
        #expect(Condition(field, test).matches(message) == holds)
    }

    @Test("a regular expression matches anywhere in the text")
    func patterns() throws {
        #expect(Condition("prompt", .matches(try Pattern("W.rld$"))).matches(message))
        #expect(!Condition("prompt", .matches(try Pattern("^World"))).matches(message))
    }

    @Test("several tests must all hold")
    func conjunction() {
        let condition = Condition("prompt", .longerThan(3)).and("session.username", .equals(.string("bob")))
        #expect(!condition.matches(message))
    }
}
