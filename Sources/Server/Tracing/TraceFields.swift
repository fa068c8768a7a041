import NIOHTTP1
import Pipeline
import Tracing

/// The fields by which a client says what it is in the middle of: `traceparent` and `tracestate`.
struct TraceFields: Sendable {
    let traceparent: String
    let tracestate: String?

    /// Those of a request.
    init?(_ headers: HTTPHeaders) {
        guard let traceparent = headers.first(name: "traceparent") else { return nil }
        self.traceparent = traceparent
        tracestate = headers.first(name: "tracestate")
    }

    /// Those of one message: `"metadata": {"traceparent": "…"}`.
    init?(_ metadata: [String: JSONValue]) {
        guard case .string(let traceparent) = metadata["traceparent"] else { return nil }
        self.traceparent = traceparent
        tracestate = if case .string(let state) = metadata["tracestate"] { state } else { nil }
    }
}

/// Reads the fields for a tracer.
struct TraceFieldReader: Extractor {
    func extract(key: String, from fields: TraceFields) -> String? {
        switch key {
        case "traceparent": fields.traceparent
        case "tracestate": fields.tracestate
        default: nil
        }
    }
}
