import Synchronization

/// What a task and the thread that runs a call share about it.
final class Call: Sendable {
    typealias Outcome = Result<HTTPResponse, HTTPClientError>

    private enum State {
        case starting
        case awaited(CheckedContinuation<Outcome, Never>)
        /// The outcome is kept for a caller that has yet to wait for it.
        case over(Outcome?)
    }

    /// Without its body.
    let request: HTTPRequest
    let start = ContinuousClock.now

    /// Who runs it.
    let runner: (any CallRunner)?

    /// Whether the outcome is the head alone, and the body goes to ``body``.
    let isStreamed: Bool

    /// The body of a call that is streamed.
    let body = BodyChannel()

    /// What is sent; apart, as it is let go of before the call ends.
    private let sent: Mutex<[UInt8]>
    private let state = Mutex(State.starting)

    init(_ request: HTTPRequest, isStreamed: Bool, on runner: (any CallRunner)? = nil) {
        var request = request
        sent = Mutex(request.body)
        request.body = []
        self.request = request
        self.runner = runner
        self.isStreamed = isStreamed
    }

    /// Whether there is an outcome; a call that has one before it starts need not start.
    var isOver: Bool {
        state.withLock { if case .over = $0 { true } else { false } }
    }

    /// Whether it goes over TLS.
    var isEncrypted: Bool { !request.url.utf8.starts(with: "http:".utf8) }

    /// The request's body, until ``forgetRequestBody()``.
    var requestBody: [UInt8] { sent.withLock(\.self) }

    /// Lets go of the request's body, which can't be sent again then.
    func forgetRequestBody() { sent.withLock { $0 = [] } }

    func wait(_ continuation: CheckedContinuation<Outcome, Never>) {
        let outcome: Outcome? = state.withLock { state in
            guard case .over(let outcome) = state else {
                state = .awaited(continuation)
                return nil
            }
            state = .over(nil)
            return outcome
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    /// Gives the caller the outcome; a second one is ignored.
    func finish(_ outcome: Outcome) {
        let continuation: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            switch state {
            case .starting:
                state = .over(outcome)
                return nil
            case .awaited(let continuation):
                state = .over(nil)
                return continuation
            case .over: return nil
            }
        }
        continuation?.resume(returning: outcome)
    }

    /// Ends a call that failed, wherever it is.
    func fail(_ error: HTTPClientError) {
        finish(.failure(error))
        if isStreamed { body.end(error) }
    }
}
