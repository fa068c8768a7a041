package import Tracing

/// The spans of a message: one for the whole of it, and one for each stage.
package final class MessageTrace: Sendable {
    private let tracer: any Tracer
    private let root: any Span
    private let messageID: String

    /// Begins at the message's receipt.
    ///
    /// - Parameter context: What the client says that the message is a part of.
    package init(of message: Message, in pipeline: String, by tracer: any Tracer, context: ServiceContext) {
        self.tracer = tracer
        messageID = message.id.description
        let received = UInt64(max(0, message.receivedAt.microseconds)) * 1_000
        root = tracer.startSpan(
            pipeline, context: context, ofKind: .server,
            at: DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: received))
        root.updateAttributes { attributes in
            attributes["stagecoach.pipeline"] = pipeline
            attributes["stagecoach.message_id"] = messageID
            attributes["stagecoach.session_id"] = message.session.id
        }
    }

    private init(_ trace: MessageTrace, inside span: any Span) {
        (tracer, messageID, root) = (trace.tracer, trace.messageID, span)
    }

    /// The spans of the stages inside one that holds others.
    func inside(_ span: any Span) -> MessageTrace { MessageTrace(self, inside: span) }

    /// The message has ended.
    package func end(_ error: PipelineError?) {
        root.end(error)
    }

    /// A stage begins with the message.
    func begin(_ stage: String, batchOf number: Int? = nil) -> any Span {
        let span = tracer.startSpan(stage, context: root.context, ofKind: .internal)
        span.updateAttributes { attributes in
            attributes["stagecoach.stage"] = stage
            attributes["stagecoach.message_id"] = messageID
            if let number { attributes["stagecoach.batch_size"] = number }
        }
        return span
    }
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
