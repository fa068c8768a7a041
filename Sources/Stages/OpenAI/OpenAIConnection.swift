import HTTPClient
import Pipeline
import Synchronization

/// The HTTP client of an API, there while the resource is open.
final class OpenAIConnection: Sendable {
    private let client = Mutex<HTTPClient?>(nil)

    func open() {
        client.withLock { $0 = HTTPClient() }
    }

    func close() async {
        await client.withLock { $0.take() }?.shutdown()
    }

    func post(_ body: [UInt8], to url: String, key: Secret, within limit: Duration) async throws -> HTTPResponse {
        let (client, request) = try call(body, to: url, key: key, within: limit)
        do {
            return try await client.send(request)
        } catch {
            throw OpenAIError.failed(error)
        }
    }

    /// Returns once the response has begun.
    func stream(
        _ body: [UInt8], to url: String, key: Secret, within limit: Duration
    ) async throws -> HTTPStreamedResponse {
        let (client, request) = try call(body, to: url, key: key, within: limit)
        do {
            return try await client.execute(request)
        } catch {
            throw OpenAIError.failed(error)
        }
    }

    /// What comes in one piece after all.
    func rest(of response: HTTPStreamedResponse) async throws -> [UInt8] {
        do {
            return try await response.body.collect(upTo: 1 << 20)
        } catch {
            throw OpenAIError.failed(error)
        }
    }

    private func call(
        _ body: [UInt8], to url: String, key: Secret, within limit: Duration
    ) throws -> (HTTPClient, HTTPRequest) {
        guard let client = client.withLock(\.self) else { throw OpenAIError.unavailable("the resource is not open") }
        var request = HTTPRequest(method: "POST", url: url, body: body)
        request.headers = [
            ("Authorization", "Bearer \(key.revealed)"), ("Content-Type", "application/json"),
            ("Accept", "application/json"), ("User-Agent", "stagecoach"),
        ]
        request.deadlines.total = limit
        request.deadlines.idle = min(request.deadlines.idle, limit)
        return (client, request)
    }
}
