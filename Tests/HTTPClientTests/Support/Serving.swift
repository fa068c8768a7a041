import HTTPClient
import TestLoops
import Testing

/// Runs a test against a server of its own, with a client of its own: once with calls that run on the client's thread, and
/// once with calls on the thread of an event loop, where what it shares with the server allows that.
func serving(
    once: Bool = false, _ serve: @escaping @Sendable (Connection) -> Void,
    _ test: (LoopbackServer, HTTPClient) async throws -> Void
) async throws {
    try await servingOnce(serve, test)
    guard !once else { return }
    let loop = TestLoop()
    defer { loop.stop() }
    try await withTaskExecutorPreference(loop) { try await servingOnce(serve, test) }
}

private func servingOnce(
    _ serve: @escaping @Sendable (Connection) -> Void,
    _ test: (LoopbackServer, HTTPClient) async throws -> Void
) async throws {
    let server = try LoopbackServer(serve)
    let client = HTTPClient()
    defer { server.stop() }
    do {
        try await test(server, client)
    } catch {
        await client.shutdown()
        throw error
    }
    await client.shutdown()
}

/// What happened on another thread, in order, for a test to wait for.
struct Events<Event: Sendable>: Sendable {
    private let stream: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func report(_ event: Event) {
        continuation.yield(event)
    }

    func next() async throws -> Event {
        for await event in stream { return event }
        throw CancellationError()
    }
}

/// The code and deadline with which a call fails.
func failure<Value>(_ call: () async throws -> Value) async -> HTTPClientError? {
    do {
        _ = try await call()
        return nil
    } catch {
        return error as? HTTPClientError
    }
}

extension String {
    init(_ bytes: [UInt8]) {
        self.init(decoding: bytes, as: UTF8.self)
    }
}
