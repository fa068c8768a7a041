import HTTPClient
import Logging
import Pipeline
import Synchronization

/// The HTTP client of an API, there while the resource is open.
final class OpenAIConnection: Sendable {
    private let client = Mutex<HTTPClient?>(nil)

    func open(_ logger: Logger) {
        client.withLock { $0 = HTTPClient(report: { logger.warning("\($0)") }) }
    }

    func close() async {
        await client.withLock { $0.take() }?.shutdown()
    }

    func post(_ call: OpenAICall) async throws -> HTTPResponse {
        do {
            return try await openClient.send(call.request)
        } catch let error as HTTPClientError {
            throw ModelError.failed(error)
        }
    }

    /// Returns once the response has begun.
    func stream(_ call: consuming OpenAICall) async throws -> HTTPStreamedResponse {
        do {
            return try await openClient.execute(call.request)
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

    private var openClient: HTTPClient {
        get throws {
            guard let client = client.withLock(\.self) else {
                throw ModelError.unavailable("the resource is not open")
            }
            return client
        }
    }
}

/// One call of an API.
struct OpenAICall {
    let url: String
    let key: Secret
    let headers: [String: Secret]
    let body: [UInt8]
    /// How long it may take to reach the API, and how long the call in all.
    let connect: Duration
    let limit: Duration
    /// Whether the answer comes in pieces: each has a frame of its own that is many times as long.
    let isStreamed: Bool
    /// Fields that say which trace the call is a part of.
    var tracing: [(String, String)] = []

    var request: HTTPRequest {
        var request = HTTPRequest(method: "POST", url: url, body: body)
        let own = [
            ("Authorization", "Bearer \(key.revealed)"), ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"), ("User-Agent", "stagecoach"),
        ]
        let more = headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value.revealed) }
        request.headers =
            (own + tracing).filter { field in !more.contains { $0.0.lowercased() == field.0.lowercased() } } + more
        if isStreamed { request.bodyLimit = 64 << 20 }
        request.deadlines.connect = connect
        request.deadlines.total = limit
        request.deadlines.idle = min(request.deadlines.idle, limit)
        return request
    }
}
