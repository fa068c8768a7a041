import Pipeline
import Testing

struct SharedNameTests {
    @Test(arguments: [
        ("outbox", "outbox"), ("a.b c", "a=2Eb=20c"), ("grüße", "gr=C3=BC=C3=9Fe"), ("=", "=3D"), ("", ""),
    ])
    func `Bytes that subjects can't have stand as their numbers, and come back`(name: String, token: String) {
        #expect(SharedName.escaped(name) == token)
        #expect(SharedName.unescaped(token) == name)
    }

    @Test(arguments: ["a=2", "a=2g", "a.b", "=FF"])
    func `What is no escaped name is none`(token: String) {
        #expect(SharedName.unescaped(token) == nil)
    }
}
