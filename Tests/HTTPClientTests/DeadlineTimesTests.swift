import Testing

@testable import HTTPClient

@Suite("The time of a deadline")
struct DeadlineTimesTests {
    private func call(_ change: (inout HTTPDeadlines) -> Void) -> Call {
        var request = HTTPRequest(url: "http://127.0.0.1/")
        request.deadlines.total = .seconds(100)
        request.deadlines.idle = .seconds(50)
        change(&request.deadlines)
        return Call(request, isStreamed: false)
    }

    /// When it is looked at next, and what has passed then and just before; after the start.
    private func check(_ call: Call) throws -> (
        Duration, before: HTTPClientError.Deadline?, then: HTTPClientError.Deadline?
    ) {
        let easy = try #require(CurlEasy(CurlOptions(allowsHTTP2: true), CurlSockets { _ in }))
        let time = easy.earliestDeadline(call, now: call.start)
        return (
            time - call.start, easy.passedDeadline(call, now: time - .nanoseconds(1)),
            easy.passedDeadline(call, now: time)
        )
    }

    @Test("of the first byte is looked at when it passes, not later")
    func firstByte() throws {
        let (time, before, then) = try check(call { $0.firstByte = .milliseconds(100) })
        #expect(time == .milliseconds(100))
        #expect(before == nil && then == .firstByte)
    }

    @Test("of the whole is looked at when it passes, not later")
    func total() throws {
        let (time, before, then) = try check(call { $0.total = .seconds(3) })
        #expect(time == .seconds(3))
        #expect(before == nil && then == .total)
    }

    @Test("of the whole comes before that of the first byte where it is shorter")
    func totalBeforeFirstByte() throws {
        let (time, _, then) = try check(
            call {
                $0.firstByte = .seconds(4)
                $0.total = .seconds(3)
            })
        #expect(time == .seconds(3) && then == .total)
    }
}
