import Pipeline
import Testing

@testable import HTTPClient
@testable import Resources

@Suite("How long an API asks to wait")
struct RetryAfterTests {
    private func wait(_ fields: String...) -> Duration? {
        RetryAfter.wait(in: HTTPHeaderFields(block: Array(fields.map { "\($0)\r\n" }.joined().utf8)))
    }

    @Test("is what Retry-After says, in seconds")
    func seconds() {
        #expect(wait("Retry-After: 7") == .seconds(7))
        #expect(wait("retry-after: 0.25") == .milliseconds(250))
        #expect(
            wait("Retry-After: 7", "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1s") == .seconds(7)
        )
        for text in ["-1", "nan", "inf", "1e30", "soon", ""] { #expect(wait("Retry-After: \(text)") == nil) }
    }

    @Test("is until a date that Retry-After says, and no time once that is over")
    func date() throws {
        #expect(wait("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT") == .zero)
        #expect(wait("Retry-After: Fri, 31 Oct 2098 23:59:59 GMT") == Self.longest)
        let far = try #require(wait("Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"))
        #expect(far > .seconds(365 * 86_400))
        #expect(wait("Retry-After: Sun, 06 Nov 1994 08:49:37 CET") == nil)
    }

    @Test("is until the limit that is used up is lifted")
    func limits() {
        #expect(
            wait("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 1m2.5s") == .milliseconds(62_500))
        #expect(wait("x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 6m0s") == .seconds(360))
        #expect(
            wait(
                "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 20ms",
                "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 6m0s") == .milliseconds(20))
    }

    @Test("is nothing where some of each limit is left")
    func somethingLeft() {
        #expect(wait("x-ratelimit-remaining-tokens: 5", "x-ratelimit-reset-tokens: 6m0s") == nil)
        #expect(wait("x-ratelimit-remaining-requests: 1", "x-ratelimit-reset-requests: 6m0s") == nil)
        #expect(
            wait(
                "x-ratelimit-remaining-requests: 3", "x-ratelimit-reset-requests: 1h",
                "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 2s") == .seconds(2))
        #expect(wait() == nil)
    }

    private static let longest = Duration.seconds(366 * 86_400)

    @Test(
        "is nothing where it is no time",
        arguments: ["infinity", "0x10", "1e3", "1.2.3", "+1", "Xyz, 01 Abc 2000 00:00:00 GMT"])
    func noTime(text: String) {
        #expect(wait("Retry-After: \(text)") == nil)
        #expect(wait("x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: \(text)") == nil)
    }

    @Test(
        "is at most a year, whatever is written",
        arguments: ["9223372036854775807", String(repeating: "9", count: 400), "Fri, 31 Dec 9999 23:59:59 GMT"])
    func bounded(text: String) {
        #expect(wait("Retry-After: \(text)") == Self.longest)
    }

    @Test(
        "until a limit is lifted is at most a year, too",
        arguments: [
            String(repeating: "9", count: 400) + "h", String(repeating: "9", count: 40) + "ms",
            String(repeating: "999999999999h", count: 100), "1h" + String(repeating: "9", count: 30) + "s",
        ])
    func spans(text: String) {
        #expect(RetryAfter.span(text) == Self.longest)
    }
}
