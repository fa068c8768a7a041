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
            ("prompt", Chain.Condition.Test.equals(.string("Hello, Wörld")), true),
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
    func tests(field: String, test: Chain.Condition.Test, holds: Bool) {
        #expect(Chain.Condition(field, test).matches(message) == holds)
    }

    @Test("a regular expression matches anywhere in the text")
    func patterns() throws {
        #expect(Chain.Condition("prompt", .matches(try Chain.Pattern("W.rld$"))).matches(message))
        #expect(!Chain.Condition("prompt", .matches(try Chain.Pattern("^World"))).matches(message))
    }

    @Test(
        "tests work on scalars, whatever these look like together",
        arguments: [
            ("secret\u{301}", Chain.Condition.Test.startsWith("secret"), true),
            ("/help\u{200D}me", .startsWith("/help"), true),
            ("a\r\nb", .startsWith("a\r"), true),
            ("e\u{301}", .equals(.string("é")), false),
            ("é", .equals(.string("é")), true),
            ("e\u{301}", .oneOf([.string("x"), .string("é")]), false),
            ("e\u{301}", .startsWith("e"), true),
            ("é", .startsWith("e\u{301}"), false),
            ("\r\n", .longerThan(1), true),
        ])
    func scalars(prompt: String, test: Chain.Condition.Test, holds: Bool) {
        #expect(Chain.Condition("prompt", test).matches(Message(prompt: prompt)) == holds)
    }

    @Test("the name of metadata is compared by its scalars")
    func names() {
        let message = Message(prompt: "x", metadata: ["e\u{301}": .int(1)])
        #expect(!Chain.Condition("metadata.é", .present(true)).matches(message))
        #expect(Chain.Condition("metadata.e\u{301}", .present(true)).matches(message))
    }

    @Test("several tests must all hold")
    func conjunction() {
        let condition = Chain.Condition("prompt", .longerThan(3)).and("session.username", .equals(.string("bob")))
        #expect(!condition.matches(message))
    }

    @Test("templates go by scalars, too")
    func template() throws {
        let template = try MessageTemplate("{{prompt}}\u{301}{{ prompt }}\r\n")
        #expect(Array(template.text(for: Message(prompt: "e")).utf8) == Array("e\u{301}e\r\n".utf8))
    }
}
