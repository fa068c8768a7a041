import HTTPClient
import Logging
import Pipeline
import Resources
import Synchronization
import Tracing

/// The HTTP client of a stage, there while the stage is open.
final class HTTPCalls: Sendable {
    private let client = Mutex<HTTPClient?>(nil)

    func open(_ logger: Logger) {
        client.withLock { $0 = HTTPClient(report: { logger.warning("\($0)") }) }
    }

    func close() async {
        await client.withLock { $0.take() }?.shutdown()
    }

    /// Makes a call, in a span of its own where the message has spans.
    ///
    /// - Throws: ``PipelineError`` where no answer comes.
    func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let client = client.withLock(\.self) else { throw HTTPFailure.unavailable("the stage is not open") }
        guard let context = ServiceContext.current else { return try await HTTPCalls.send(request, by: client) }
        let tracer = InstrumentationSystem.tracer
        return try await tracer.withSpan(request.method, context: context, ofKind: .client) { span in
            span.attributes["http.request.method"] = request.method
            var (traced, fields) = (request, [(String, String)]())
            tracer.inject(span.context, into: &fields, using: FieldInjector())
            traced.headers += fields.map { ($0.0, $0.1) }
            let answer = try await HTTPCalls.send(traced, by: client)
            span.attributes["http.response.status_code"] = answer.status
            return answer
        }
    }

    private static func send(_ request: HTTPRequest, by client: HTTPClient) async throws -> HTTPResponse {
        do {
            return try await client.send(request)
        } catch {
            throw HTTPFailure.failed(error)
        }
    }
}
