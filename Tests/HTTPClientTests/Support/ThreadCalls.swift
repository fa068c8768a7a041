@testable import HTTPClient

/// The calls of a thread, which is the test's.
final class ThreadCalls {
    let events: CurlEvents
    let calls: CurlCalls
    private let sockets: CurlSockets

    /// `nil` where the system gives no descriptors.
    init?(gathers: Bool = false) {
        guard let events = CurlEvents(gathers: gathers) else { return nil }
        self.events = events
        sockets = CurlSockets(events) { _ in }
        calls = CurlCalls(HTTPClientConfiguration(), events: events, sockets: sockets)
    }

    func start(_ url: String) -> Call {
        let call = Call(HTTPRequest(url: url), isStreamed: true)
        calls.obey(.start(call))
        return call
    }

    func end() {
        calls.endAll(.shutDown)
        withExtendedLifetime(sockets) { events.close() }
    }
}
