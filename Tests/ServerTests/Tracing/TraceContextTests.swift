import Testing

@testable import Server

@Suite("The W3C's trace context")
struct TraceContextTests {
    private let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private let span = "00f067aa0ba902b7"

    @Test("is read and written", arguments: ["00", "01"])
    func good(flags: String) throws {
        let context = try #require(TraceContext(traceparent: "00-\(trace)-\(span)-\(flags)"))
        #expect((context.traceID, context.spanID, context.isSampled) == (trace, span, flags == "01"))
        #expect(context.traceparent == "00-\(trace)-\(span)-\(flags)")
    }

    @Test("of a later version is read as far as it is known")
    func later() {
        #expect(TraceContext(traceparent: "cc-\(trace)-\(span)-01-what-comes") != nil)
    }

    @Test(
        "that is none is ignored",
        arguments: [
            "", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x", "00-4bf92f3577b34da6-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ])
    func bad(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test("of a child has the trace and the sampling of its parent, and a span of its own")
    func child() throws {
        let parent = try #require(TraceContext(traceparent: "00-\(trace)-\(span)-00", state: "a=1"))
        let child = TraceContext.child(of: parent, isSampled: true)
        #expect((child.traceID, child.isSampled, child.state) == (trace, false, "a=1"))
        #expect(child.spanID != span && child.spanID.utf8.count == 16)
        let first = TraceContext.child(of: nil, isSampled: true)
        #expect(
            first.isSampled && first.traceID.utf8.count == 32 && TraceContext(traceparent: first.traceparent) == first)
    }
}
