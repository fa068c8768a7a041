import TestPatience
import Testing

@testable import Stages

@Suite("The path of an address with values in it")
struct PathCheckTests {
    private func isRefused(_ before: String, _ values: String..., then after: String = "") -> Bool {
        var check = PathCheck()
        check.take(fixed: before)
        for value in values { check.take(value: value) }
        check.take(fixed: after)
        return check.problem != nil
    }

    @Test(
        "has no part that is dots, however they are written",
        arguments: [
            "..", ".", "%2e%2e", "%2E.", "%25252e.", "../x", "x/..", "x\\..\\y", "..;", ".;a=b", "..%2fx", "%2f..%2f",
            "../\u{301}x", "x/../\u{200D}y", "..%2f\u{301}", "..;\u{301}", "..\\\u{301}", "%2%65.",
        ])
    func dots(value: String) {
        #expect(isRefused("https://api.example/a/", value, then: "/b"))
        #expect(isRefused("https://api.example/a/", value))
        #expect(isRefused("https://api.example/a/", value, then: "?x=1"))
        #expect(!isRefused("https://api.example/a/?x=", value, then: "/b"))
        #expect(!isRefused("https://api.example/a#", value))
    }

    @Test("is also looked at where dots come together")
    func together() {
        #expect(isRefused("https://api.example/a/", ".", "."))
        #expect(isRefused("https://api.example/a/.", "."))
        #expect(isRefused("https://api.example/a/", ".", then: "%2e/b"))
    }

    @Test("is looked at in a time that grows with a value's length, however often it is escaped")
    func time() {
        func time(of depth: Int) -> Int {
            let value = "%" + String(repeating: "25", count: depth) + "2e."
            return (0..<3).map { _ in threadTime { #expect(isRefused("https://api.example/a/", value)) } }.min() ?? 0
        }
        // Sixteen times as long where each layer costs the whole length.
        #expect(time(of: 4_000) < 8 * time(of: 1_000))
    }

    @Test("has no empty part in place of a value")
    func empty() {
        #expect(isRefused("https://api.example/a/", "", then: "/b"))
        #expect(isRefused("https://api.example/a/", "", ""))
        #expect(!isRefused("https://api.example/a/x", ""))
    }

    @Test(
        "takes all that is a name",
        arguments: ["...", "a..b", ".a", "a.", "%", "%2", "%zz", "%+1", "ü", "a/b", "-", " "])
    func names(value: String) {
        #expect(!isRefused("https://api.example/a/", value, then: "/b"))
    }
}
