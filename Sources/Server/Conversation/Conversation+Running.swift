import Logging
import NIOCore
import Pipeline
import Tracing

/// How a message runs, and how its answer leaves.
extension Conversation {
    /// Runs the message as far as that goes without waiting, and the rest in a task on this event loop.
    func start(_ message: inout Message, _ asked: AskedMessage) {
        pipeline.lend { start(&message, asked, in: $0) }
    }

    @inline(__always)
    private func start(_ message: inout Message, _ asked: AskedMessage, in pipeline: ServedPipeline) {
        if pipeline.chain.isTraced, let tracer = pipeline.chain.tracer { trace(&message, by: tracer) }
        if asked.isStored { return wait(for: message, asked, in: pipeline, from: 0) }
        do throws(PipelineError) {
            if let next = try pipeline.chain.runWithoutWaiting(&message) {
                wait(for: message, asked, in: pipeline, from: next)
            } else {
                ended(message, in: pipeline, nil)
            }
        } catch {
            ended(message, in: pipeline, error)
        }
    }

    /// Begins a message's spans, in the trace that the message names, or else the client's request.
    private func trace(_ message: inout Message, by tracer: any Tracer) {
        var context = ServiceContext.topLevel
        for fields in [origin, TraceFields(message.metadata)].compactMap(\.self) {
            tracer.extract(fields, into: &context, using: TraceFieldReader())
        }
        message.trace = MessageTrace(of: message, in: pipeline.current.name, by: tracer, context: context)
    }

    private func wait(for message: Message, _ asked: AskedMessage, in pipeline: ServedPipeline, from step: Int) {
        pipeline.begin()
        let id = message.id
        running.append(RunningMessage(message, asked))
        let conversation = NIOLoopBound(self, eventLoop: executor.eventLoop)
        let task = Task.immediate(executorPreference: pipeline.streams ? executor.forStreams : executor) {
            var message = message
            var failure: PipelineError?
            do throws(PipelineError) {
                let stored = asked.isStored ? try await StoredAnswers.completion(of: message, in: pipeline) : nil
                if let stored {
                    message.completion = stored
                    message.answer()
                } else {
                    try await pipeline.chain.run(&message, from: step)
                }
            } catch {
                failure = error
            }
            let conversation = conversation.value
            conversation.running.remove(id)
            conversation.ended(message, in: pipeline, failure)
            pipeline.end()
            conversation.resumeWaiting()
        }
        running.set(task, for: id)
    }

    /// Begins what waited for a message that has ended.
    func resumeWaiting() {
        advance()
        if pending > 0 { client?.messageHasEnded() }
    }

    /// Notes that a message's stages have ended, and settles it where none of them has.
    func ended(_ message: Message, in pipeline: ServedPipeline, _ error: PipelineError?) {
        message.trace?.end(error)
        if let error { logger.failure(error, of: message) }
        // Whoever takes it from a queue answers it.
        if error == nil, pipeline.chain.answersInBackground { return }
        if !remembered.isEmpty { remember(message.id, error == nil ? .answered(nil) : .failed, in: pipeline) }
        // Nearly always a stage has answered it by now.
        guard order.isWaiting(message.id) else { return }
        settle(message, error.map { .error($0, clientID: message.clientID, in: format) })
    }

    func send(_ delta: ServerFrame, of id: UniqueID) {
        if let delta = order.add(delta, to: id) { client?.send(delta) }
    }

    private func tell(_ frame: ServerFrame) {
        observer?.told(frame, in: session)
        client?.send(frame)
    }

    func settle(_ message: Message, _ frame: ServerFrame?) { settle(message.id, message.clientID, frame) }

    /// Gives a message its one answer, `nil` for none: whoever brings it, here it is remembered, counted and sent in its
    /// turn. A second one is dropped.
    func settle(_ id: UniqueID, _ clientID: String?, _ frame: ServerFrame?) {
        if clientID != nil {
            let outcome: RememberedAnswers.Outcome = frame?.kind == .response ? .answered(frame) : .failed
            pipeline.lend { remember(id, outcome, in: $0) }
        }
        let leaving = order.settle(id, frame)
        if share != nil { noteOpen() }
        if leaving != .never { pipeline.lend { $0.meter.settled(with: frame) } }
        if leaving == .now {
            if let frame { tell(frame) }
            while let frame = order.next() { tell(frame) }
        }
        if !isAdvancing && pending == 0 { client?.conversationIsIdle() }
    }

    /// Takes a slot out of the order: what waited in it is answered elsewhere.
    func vacate(_ slot: UniqueID) {
        guard order.settle(slot, nil) == .now else { return }
        while let frame = order.next() { tell(frame) }
    }
}
