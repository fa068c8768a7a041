import Foundation
import MetricsTestKit
import Pipeline
import Testing
import Tracing

@testable import Server

@Suite("Spans for an OpenTelemetry collector")
struct OTLPTests {
    private let metrics = TestMetrics()

    @Test(
        "Nothing is sent unless the environment says where",
        arguments: [
            [:], ["OTEL_EXPORTER_OTLP_ENDPOINT": ""],
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"],
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"],
        ])
    func off(environment: [String: String]) throws {
        #expect(try OTLPSettings(environment: environment) == nil)
    }

    @Test("The endpoint of all signals gets the path of traces, that of traces is taken as it is")
    func endpoint() throws {
        #expect(
            try OTLPSettings(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:4318/"])?.url.text
                == "http://x:4318/v1/traces")
        let own = ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://y/t"]
        #expect(try OTLPSettings(environment: own)?.url.text == "https://y/t")
    }

    @Test("A wrong endpoint is an error that does not repeat it")
    func wrong() {
        let error = #expect(throws: ServeError.self) {
            try OTLPSettings(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:hidden@x"])
        }
        #expect(error?.description.contains("hidden") == false)
    }

    @Test("Headers, names and resource attributes are read")
    func names() throws {
        let settings = try #require(
            try OTLPSettings(environment: [
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, other = c",
                "OTEL_SERVICE_NAME": "chat", "OTEL_RESOURCE_ATTRIBUTES": "service.name=not,deployment.environment=test",
                "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25",
            ]))
        #expect(settings.headers.map(\.name) == ["api-key", "other"])
        #expect(settings.headers.map(\.value.revealed) == ["a b", "c"])
        #expect(settings.resource.map { "\($0)=\($1)" } == ["service.name=chat", "deployment.environment=test"])
        #expect(settings.ratio == 0.25)
    }

    @Test("What comes while too many wait is dropped and counted")
    func full() throws {
        let buffer = SpanBuffer(capacity: 2, factory: metrics)
        for name in ["a", "b", "c"] { buffer.add(name) }
        #expect(buffer.take() == ["a", "b"])
        #expect(
            metrics.counterTotal(label: "stagecoach_trace_spans_dropped_total", dimensions: [("reason", "full")]) == 1)
        buffer.add("d")
        #expect(buffer.take() == ["d"])
    }

    @Test("A span of a trace that is not sampled is not kept, and its children are told")
    func unsampled() throws {
        let buffer = SpanBuffer(capacity: 2, factory: metrics)
        let tracer = OTLPTracer(buffer: buffer, ratio: 0)
        let span = tracer.startSpan("x", context: .topLevel)
        #expect(span.context.trace?.traceparent.hasSuffix("-00") == true)
        span.end()
        #expect(buffer.take() == [])
    }

    @Test("A span is JSON as the protocol has it; a foreign error's text stays out")
    func json() throws {
        let buffer = SpanBuffer(capacity: 2, factory: metrics)
        let span = OTLPTracer(buffer: buffer).startSpan("na\"me", context: .topLevel, ofKind: .client)
        span.attributes["count"] = 3
        span.attributes["text"] = "a\nb"
        span.recordError(HiddenError(), attributes: [:])
        span.setStatus(SpanStatus(code: .error, message: "no"))
        span.end()
        span.end()
        let texts = buffer.take()
        #expect(texts.count == 1 && !texts[0].contains("hidden"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(texts[0].utf8)) as? [String: Any])
        #expect(object["name"] as? String == "na\"me")
        #expect(object["kind"] as? Int == 3)
        #expect(object["parentSpanId"] == nil)
        #expect((object["status"] as? [String: Any])?["code"] as? Int == 2)
        let attributes = try #require(object["attributes"] as? [[String: Any]])
        #expect(attributes.contains { ($0["value"] as? [String: String]) == ["intValue": "3"] })
    }
}

private struct HiddenError: Error, CustomStringConvertible {
    let description = "hidden"
}
