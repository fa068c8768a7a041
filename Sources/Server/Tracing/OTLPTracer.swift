import Tracing

/// Makes spans that are sent to an OpenTelemetry collector.
struct OTLPTracer: Tracer {
    let buffer: SpanBuffer
    /// The share of traces that are kept, of those that begin here; a client's own says itself.
    var ratio = 1.0

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> OTLPSpan {
        var context = context()
        let parent = context.trace
        let own = TraceContext.child(of: parent, isSampled: ratio >= 1 || Double.random(in: 0..<1) < ratio)
        context.trace = own
        return OTLPSpan(
            operationName, own, parent: parent?.spanID, kind: kind, context: context,
            start: instant().nanosecondsSinceEpoch, buffer: buffer)
    }

    func startAnySpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> any Span {
        startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    func forceFlush() {
        buffer.wake()
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: "traceparent", from: carrier) else { return }
        context.trace =
            TraceContext(
                traceparent: text, state: extractor.extract(key: "tracestate", from: carrier)) ?? context.trace
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.trace else { return }
        injector.inject(trace.traceparent, forKey: "traceparent", into: &carrier)
        if let state = trace.state { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }
}
