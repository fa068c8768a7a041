import Pipeline
import Testing

@testable import HTTPClient
@testable import Stages

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
}
