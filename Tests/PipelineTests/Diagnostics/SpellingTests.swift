import Testing

@testable import LocatedYAML
@testable import Pipeline

@Suite("A misspelt word finds the one that was meant")
struct SpellingTests {
    private let words = ["model", "timeout", "max_length", "retry", "path", "port", "resources", "on_error"]

    @Test(
        "near words",
        arguments: [
            ("modle", "model"), ("mode", "model"), ("modell", "model"), ("nodel", "model"), ("MODEL", "model"),
            ("tiemout", "timeout"),
            ("maxLength", "max_length"), ("max-length", "max_length"), ("resource", "resources"),
            ("onerror", "on_error"), ("pth", "path"),
        ])
    func near(typed: String, meant: String) { #expect(Spelling.nearest(to: typed, among: words) == meant) }

    @Test(
        "far words",
        arguments: ["", "x", "temperature", "ab", "xyz", "modem_speed", String(repeating: "model", count: 100_000)])
    func far(typed: String) { #expect(Spelling.nearest(to: typed, among: words) == nil) }

    @Test("of two that are equally near the first is taken")
    func ties() {
        #expect(Spelling.nearest(to: "pot", among: ["port", "post"]) == "port")
        #expect(Spelling.nearest(to: "pot", among: ["post", "port"]) == "post")
        #expect(Spelling.nearest(to: "ports", among: ["posts", "port", "sports"]) == "posts")
    }

    @Test("one letter is no misspelling of another, and a word none of itself")
    func short() {
        #expect(Spelling.nearest(to: "a", among: ["b"]) == nil)
        #expect(Spelling.nearest(to: "no", among: ["on"]) == "on")
        #expect(Spelling.nearest(to: "path", among: ["path"]) == nil)
    }

    @Test("there may be nothing to choose from")
    func none() { #expect(Spelling.nearest(to: "a", among: [] as [String]) == nil) }
}
