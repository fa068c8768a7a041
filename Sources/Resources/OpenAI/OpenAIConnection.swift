import HTTPClient
import Logging
import Pipeline
import Synchronization

/// The HTTP client of an API, there while the resource is open.
final class OpenAIConnection: Sendable {
    private let opened = Mutex<(client: HTTPClient, endpoint: OpenAIEndpoint)?>(nil)

    func open(_ endpoint: OpenAIEndpoint, _ logger: Logger) {
        opened.withLock { $0 = (HTTPClient(report: { logger.warning("\($0)") }), endpoint) }
    }

    func close() async {
        await opened.withLock { $0.take() }?.client.shutdown()
    }

    func post(_ call: OpenAICall) async throws -> HTTPResponse {
        do {
            let (client, endpoint) = try open
            return try await client.send(call.request(to: endpoint))
        } catch let error as HTTPClientError {
            throw ModelError.failed(error)
        }
    }

    /// Returns once the response has begun.
    func stream(_ call: consuming OpenAICall) async throws -> HTTPStreamedResponse {
        do {
            let (client, endpoint) = try open
            return try await client.execute(call.request(to: endpoint))
        } catch let error as HTTPClientError {
            throw ModelError.failed(error)
        }
    }

    /// What comes in one piece after all.
    func rest(of response: HTTPStreamedResponse) async throws -> [UInt8] {
        do {
            return try await response.body.collect(upTo: 1 << 20)
        } catch {
            throw ModelError.failed(error)
        }
    }

    private var open: (client: HTTPClient, endpoint: OpenAIEndpoint) {
        get throws {
            guard let opened = opened.withLock(\.self) else {
                throw ModelError.unavailable("the resource is not open")
            }
            return opened
        }
    }
}

/// One call of an API.
struct OpenAICall {
    let body: [UInt8]
    /// How long it may take to reach the API, and how long the call in all.
    let connect: Duration
    let limit: Duration
    /// Whether the answer comes in pieces: each has a frame of its own that is many times as long.
    let isStreamed: Bool
    /// Fields that say which trace the call is a part of.
    var tracing: [(String, String)] = []

    func request(to endpoint: OpenAIEndpoint) -> HTTPRequest {
        let headers = tracing.isEmpty ? endpoint.headers : endpoint.headers(with: tracing)
        var request = HTTPRequest(method: "POST", url: endpoint.url, headers: headers, body: body)
        if isStreamed { request.bodyLimit = 64 << 20 }
        request.deadlines.connect = connect
        request.deadlines.total = limit
        request.deadlines.idle = min(request.deadlines.idle, limit)
        return request
    }
}
