import Pipeline
import Synchronization
import Tracing

/// A span on its way to a collector; it goes there when it ends.
final class OTLPSpan: Span {
    private struct State {
        var name: String
        var attributes = SpanAttributes()
        var status: SpanStatus?
        var events: [SpanEvent] = []
        var links: [SpanLink] = []
        var isEnded = false
    }

    /// How many events and links a span may have, so that none grows without end.
    private static let limit = 128

    let context: ServiceContext
    private let own: TraceContext
    private let parent: String?
    private let kind: SpanKind
    private let start: UInt64
    private let buffer: SpanBuffer
    private let state: Mutex<State>

    init(
        _ name: String, _ own: TraceContext, parent: String?, kind: SpanKind, context: ServiceContext, start: UInt64,
        buffer: SpanBuffer
    ) {
        self.own = own
        self.parent = parent
        self.kind = kind
        self.context = context
        self.start = start
        self.buffer = buffer
        state = Mutex(State(name: name))
    }

    var isRecording: Bool { own.isSampled && !state.withLock(\.isEnded) }

    var operationName: String {
        get { state.withLock(\.name) }
        set { state.withLock { $0.name = newValue } }
    }

    var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    func setStatus(_ status: SpanStatus) {
        state.withLock { $0.status = status }
    }

    func addEvent(_ event: SpanEvent) {
        state.withLock { state in
            if state.events.count < OTLPSpan.limit { state.events.append(event) }
        }
    }

    func addLink(_ link: SpanLink) {
        state.withLock { state in
            if state.links.count < OTLPSpan.limit { state.links.append(link) }
        }
    }

    /// Notes what kind of error it was. Its text is left out unless clients may see it: it may hold anything.
    func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        if let error = error as? PipelineError {
            attributes["exception.type"] = error.code.rawValue
            attributes["exception.message"] = error.message
        } else {
            attributes["exception.type"] = "\(type(of: error))"
        }
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let end = instant().nanosecondsSinceEpoch
        let json: String? = state.withLock { state in
            guard !state.isEnded, own.isSampled else { return nil }
            state.isEnded = true
            return OTLPText.span(
                own, parent: parent, name: state.name, kind: kind, from: start, to: max(start, end),
                attributes: state.attributes, status: state.status, events: state.events, links: state.links)
        }
        if let json { buffer.add(json) }
    }
}
