package import Tracing

/// The spans of a message: one for the whole of it, and one for each stage.
package final class MessageTrace: Sendable {
    private let tracer: any Tracer
    /// What its stages are a part of.
    private let context: ServiceContext
    /// `nil` where another process began the message.
    private let root: (any Span)?
    private let messageID: String

    /// Begins at the message's receipt.
    ///
    /// - Parameter context: What the client says that the message is a part of.
    package init(of message: Message, in pipeline: String, by tracer: any Tracer, context: ServiceContext) {
        self.tracer = tracer
        let messageID = message.id.description
        let received = UInt64(max(0, message.receivedAt.microseconds)) * 1_000
        let root = tracer.startSpan(
            pipeline, context: context, ofKind: .server,
            at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: received))
        root.updateAttributes { attributes in
            attributes["stagecoach.pipeline"] = pipeline
            attributes["stagecoach.message_id"] = messageID
            attributes["stagecoach.session_id"] = message.session.id
        }
        (self.root, self.messageID, self.context) = (root, messageID, root.context)
    }

    private init(_ trace: MessageTrace, inside span: any Span) {
        (tracer, messageID, root, context) = (trace.tracer, trace.messageID, span, span.context)
    }

    /// Goes on with the trace of a message that waited where no span can be kept; `nil` where nobody takes traces.
    ///
    /// - Parameter carried: What ``carried`` was.
    init?(of message: Message, carried: [String: String]) {
        let tracer = InstrumentationSystem.tracer
        guard !(tracer is NoOpTracer) else { return nil }
        var context = ServiceContext.topLevel
        tracer.extract(carried, into: &context, using: TraceCarrier())
        (self.tracer, self.context, root, messageID) = (tracer, context, nil, message.id.description)
    }

    /// Which trace it is, for where the message waits; `nil` where the tracer has no words for it.
    var carried: [String: String]? {
        var carried: [String: String] = [:]
        tracer.inject(context, into: &carried, using: TraceCarrier())
        return carried.isEmpty ? nil : carried
    }

    /// The spans of the stages inside one that holds others.
    func inside(_ span: any Span) -> MessageTrace { MessageTrace(self, inside: span) }

    /// The message has ended.
    package func end(_ error: PipelineError?) {
        root?.end(error)
    }

    /// A stage begins with the message.
    func begin(_ stage: String, batchOf number: Int? = nil) -> any Span {
        let span = tracer.startSpan(stage, context: context, ofKind: .internal)
        span.updateAttributes { attributes in
            attributes["stagecoach.stage"] = stage
            attributes["stagecoach.message_id"] = messageID
            if let number { attributes["stagecoach.batch_size"] = number }
        }
        return span
    }
}

/// Writes and reads the fields by which a tracer names a trace.
private struct TraceCarrier: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }

    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}

extension Span {
    /// Ends it; an error says its code and what the client was told.
    func end(_ error: PipelineError?) {
        if let error {
            attributes["error.type"] = error.code.rawValue
            setStatus(SpanStatus(code: .error, message: error.message))
        }
        end()
    }
}
