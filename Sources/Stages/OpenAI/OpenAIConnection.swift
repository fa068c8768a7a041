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
        guard let client = client.withLock(\.self) else { throw OpenAIError.unavailable("the resource is not open") }
        var request = HTTPRequest(method: "POST", url: url, body: body)
        request.headers = [
            ("Authorization", "Bearer \(key.revealed)"), ("Content-Type", "application/json"),
            ("Accept", "application/json"), ("User-Agent", "stagecoach"),
        ]
        request.deadlines.total = limit
        request.deadlines.idle = min(request.deadlines.idle, limit)
        do {
            return try await client.send(request)
        } catch {
            throw OpenAIError.failed(error)
        }
    }
}
