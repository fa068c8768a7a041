/// Calls HTTP APIs over libcurl: connections are kept and shared, every call has deadlines and a limit on its response,
/// and redirects are not followed, so that no key reaches another host.
///
/// All transfers of a client run on one thread of its own, which starts with the first call and ends with
/// ``shutdown()``.
public final class HTTPClient: Sendable {
    private let worker = CurlWorker()

    /// A client without connections.
    public init() {}

    deinit {
        worker.stop {}
    }

    /// Makes a call and takes the whole response.
    ///
    /// - Throws: ``HTTPClientError``. A status that says failure is a response, not an error.
    public func send(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPResponse {
        let receiver = CollectingReceiver(limit: request.bodyLimit)
        let transfer = try Transfer(request, receiver: receiver)
        return try await run(transfer) { receiver.wait($0) }
    }

    /// Makes a call and returns once the response has begun. What is not read of the body holds the sender up, and
    /// leaving it unread ends the call.
    ///
    /// - Throws: ``HTTPClientError``; so does reading the body.
    public func stream(_ request: HTTPRequest) async throws(HTTPClientError) -> HTTPStreamedResponse {
        let receiver = StreamingReceiver(limit: request.bodyLimit)
        let transfer = try Transfer(request, receiver: receiver)
        let head = try await run(transfer) { receiver.waitForHead($0) }
        let reader = HTTPBody.Reader(receiver: receiver, transfer: transfer, worker: worker)
        return HTTPStreamedResponse(status: head.status, headers: head.headers, body: HTTPBody(reader: reader))
    }

    /// Ends running calls with an error, closes the connections and ends the thread.
    public func shutdown() async {
        await withCheckedContinuation { continuation in worker.stop { continuation.resume() } }
    }

    private func run<Success: Sendable>(
        _ transfer: Transfer, _ wait: (CheckedContinuation<Success, any Error>) -> Void
    ) async throws(HTTPClientError) -> Success {
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    wait(continuation)
                    worker.submit(.start(transfer))
                }
            } onCancel: {
                worker.submit(.cancel(transfer))
            }
        } catch let error as HTTPClientError {
            throw error
        } catch {
            throw HTTPClientError(.other, "\(error)")
        }
    }
}
