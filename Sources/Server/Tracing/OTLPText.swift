import Pipeline
import Tracing

/// Spans in the JSON form of OpenTelemetry's protocol: ids in hexadecimal, 64-bit numbers as strings
/// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
enum OTLPText {
    static func span(
        _ own: TraceContext, parent: String?, name: String, kind: SpanKind, from start: UInt64, to end: UInt64,
        attributes: SpanAttributes, status: SpanStatus?, events: [SpanEvent], links: [SpanLink]
    ) -> String {
        var span = JSONText()
        span.add("traceId", own.traceID)
        span.add("spanId", own.spanID)
        if let state = own.state { span.add("traceState", state) }
        if let parent { span.add("parentSpanId", parent) }
        span.add("flags", raw: own.isSampled ? "1" : "0")
        span.add("name", name)
        span.add("kind", raw: number(of: kind))
        span.add("startTimeUnixNano", String(start))
        span.add("endTimeUnixNano", String(end))
        span.add("attributes", raw: list(attributes))
        if !events.isEmpty { span.add("events", raw: "[\(events.map(event).joined(separator: ","))]") }
        if !links.isEmpty { span.add("links", raw: "[\(links.compactMap(link).joined(separator: ","))]") }
        if let status {
            var text = JSONText()
            text.add("code", raw: status.code == .ok ? "1" : "2")
            if let message = status.message { text.add("message", message) }
            span.add("status", raw: text.finished)
        }
        return span.finished
    }

    /// A request of `/v1/traces`.
    static func request(_ spans: [String], of resource: [(String, String)]) -> String {
        let attributes = resource.map { attribute($0.0, string($0.1)) }.joined(separator: ",")
        return "{\"resourceSpans\":[{\"resource\":{\"attributes\":[\(attributes)]},\"scopeSpans\":["
            + "{\"scope\":{\"name\":\"stagecoach\"},\"spans\":[\(spans.joined(separator: ","))]}]}]}"
    }

    private static func number(of kind: SpanKind) -> String {
        switch kind {
        case .internal: "1"
        case .server: "2"
        case .client: "3"
        case .producer: "4"
        case .consumer: "5"
        }
    }

    private static func event(_ event: SpanEvent) -> String {
        var text = JSONText()
        text.add("timeUnixNano", String(event.nanosecondsSinceEpoch))
        text.add("name", event.name)
        text.add("attributes", raw: list(event.attributes))
        return text.finished
    }

    private static func link(_ link: SpanLink) -> String? {
        guard let trace = link.context.trace else { return nil }
        var text = JSONText()
        text.add("traceId", trace.traceID)
        text.add("spanId", trace.spanID)
        text.add("attributes", raw: list(link.attributes))
        return text.finished
    }

    private static func list(_ attributes: SpanAttributes) -> String {
        var items: [String] = []
        attributes.forEach { key, value in
            items.append(attribute(key, OTLPText.value(value)))
        }
        return "[\(items.joined(separator: ","))]"
    }

    private static func attribute(_ key: String, _ value: String) -> String {
        "{\"key\":\(JSONText.quoted(key)),\"value\":\(value)}"
    }

    private static func value(_ attribute: SpanAttribute) -> String {
        switch attribute {
        case .int32(let number): int(Int64(number))
        case .int64(let number): int(number)
        case .double(let number): double(number)
        case .bool(let flag): bool(flag)
        case .string(let text): string(text)
        case .stringConvertible(let value): string("\(value)")
        case .int32Array(let numbers): array(numbers.map { int(Int64($0)) })
        case .int64Array(let numbers): array(numbers.map(int))
        case .doubleArray(let numbers): array(numbers.map(double))
        case .boolArray(let flags): array(flags.map(bool))
        case .stringArray(let texts): array(texts.map(string))
        case .stringConvertibleArray(let values): array(values.map { string("\($0)") })
        default: string("")
        }
    }

    private static func int(_ number: Int64) -> String { "{\"intValue\":\"\(number)\"}" }
    private static func bool(_ flag: Bool) -> String { "{\"boolValue\":\(flag)}" }
    private static func string(_ text: String) -> String { "{\"stringValue\":\(JSONText.quoted(text))}" }
    private static func array(_ values: [String]) -> String {
        "{\"arrayValue\":{\"values\":[\(values.joined(separator: ","))]}}"
    }

    /// JSON has no infinities; the protocol's JSON form has them as strings.
    private static func double(_ number: Double) -> String {
        number.isFinite
            ? "{\"doubleValue\":\(number)}"
            : "{\"doubleValue\":\"\(number.isNaN ? "NaN" : number > 0 ? "Infinity" : "-Infinity")\"}"
    }
}
