/// Calls HTTP APIs over libcurl: connections are kept and shared, every call has deadlines and a limit on its response,
/// and a redirect never carries a key to another host.
///
/// Calls that are made on the thread of an `WorkingLoop` run there. All others run on one thread of the client's own,
/// which starts with the first of them and ends with ``shutdown()``, or when the client and the last body that is read
/// from it are gone. Each of these threads has connections of its own.
///
/// A call that was sent over a kept connection which the host closes without a byte of response is sent once more over
/// a new one, whatever its method: that is how a host ends a connection that was kept for too long.
///
/// A connection on which anything has come that belongs to no call is never used again, and then each call gets a
/// connection of its own for 10 minutes: a host that answers one call twice must not have the second answer taken for
/// another call's. For the same reason the calls after a client's first answer wait until 50 ms have passed since it, once on
/// each thread.
package final class HTTPClient: Sendable {
    private let runners: CallRunners

    /// A client without connections.
    ///
    /// - Parameter report: Told, in one sentence for the log, what hosts do that they should not; called on a thread that
    ///   runs calls.
    package init(
        configuration: HTTPClientConfiguration = HTTPClientConfiguration(),
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        runners = CallRunners(configuration, report: report)
    }

    deinit {
        runners.stop {}
    }

    /// Makes a call and takes the whole response.
    ///
    /// - Throws: ``HTTPClientError``. A status that says failure is a response, not an error.
    package func send(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        try await respond(to: request, isStreamed: false).response
    }

    /// Makes a call and returns once the response's head is there. What is not read of the body holds the sender up;
    /// letting go of it ends the call and closes its connection.
    ///
    /// - Throws: ``HTTPClientError``; so does reading the body. A status that says failure is a response, not an error.
    package func execute(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPStreamedResponse {
        let (call, head) = try await respond(to: request, isStreamed: true)
        return HTTPStreamedResponse(
            status: head.status, headers: head.headers, body: HTTPBody(reader: HTTPBody.Reader(call, of: self)))
    }

    /// Ends running calls with an error, closes the connections and ends its thread. Returns when that is done; another
    /// call of it does no harm. Calls made later fail.
    package func shutdown() async {
        await withCheckedContinuation { continuation in runners.stop { continuation.resume() } }
    }

    /// Lets go of a call, whose connection is closed unless the response was whole.
    func cancel(_ call: Call) {
        call.runner?.submit(.cancel(call))
    }

    /// Reads on after the reader has made room.
    func resume(_ call: Call) {
        call.runner?.submit(.resume(call))
    }

    private func respond(
        to request: HTTPRequest, isStreamed: Bool
    ) async throws(HTTPClientError) -> (call: Call, response: HTTPResponse) {
        try request.check()
        let call = Call(request, isStreamed: isStreamed, on: runners.runner())
        let response = try await run(call)
        if request.redirectLimit == 0 { return (call, response) }
        return try await follow(response, of: request, call)
    }

    /// Apart, as memory for it would be part of each call that is open.
    @inline(never)
    private func follow(
        _ response: HTTPResponse, of request: HTTPRequest, _ call: Call
    ) async throws(HTTPClientError) -> (call: Call, response: HTTPResponse) {
        guard let next = Redirect.next(after: request, response) else { return (call, response) }
        if call.isStreamed { cancel(call) }
        var request = next
        request.deadlines.total -= call.start.duration(to: .now)
        return try await respond(to: request, isStreamed: call.isStreamed)
    }

    private func run(_ call: Call) async throws(HTTPClientError) -> HTTPResponse {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                call.wait(continuation)
                call.runner?.submit(.start(call))
            }
        } onCancel: {
            call.finish(.failure(.cancelled))
            cancel(call)
        }
        return try outcome.get()
    }
}
