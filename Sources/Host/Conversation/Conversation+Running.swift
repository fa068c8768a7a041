import Logging
import NIOCore
import Pipeline

/// How a message runs, and how its answer leaves.
extension Conversation {
    /// Runs the message as far as that goes without waiting, and the rest in a task on this event loop.
    func start(_ message: inout Message, _ asked: AskedMessage) {
        pipeline.lend { start(&message, asked, in: $0) }
    }

    @inline(__always)
    private func start(_ message: inout Message, _ asked: AskedMessage, in pipeline: ServedPipeline) {
        if let tracer = pipeline.chain.tracer { trace(&message, by: tracer) }
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

    private func wait(for message: Message, _ asked: AskedMessage, in pipeline: ServedPipeline, from step: Int) {
        pipeline.begin()
        let id = message.id
        running.append(RunningMessage(message, asked))
        let conversation = NIOLoopBound(self, eventLoop: executor.eventLoop)
        let task = Task.immediate(executorPreference: executor) {
            var message = message
            var failure: PipelineError?
            do throws(PipelineError) {
                let stored = asked.isStored ? try await StoredAnswers.completion(of: message, in: pipeline.chain) : nil
                if let stored {
                    message.completion = stored
                    message.reply?.answer(message)
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
            conversation.advance()
            conversation.client?.messageHasEnded()
        }
        running.set(task, for: id)
    }

    func ended(_ message: Message, in pipeline: ServedPipeline, _ error: PipelineError?) {
        message.trace?.end(error)
        if let error {
            logger.failure(error, of: message)
            settle(message, .error(error, clientID: message.clientID, in: format))
        } else if !pipeline.chain.answersInBackground {
            remember(message.id, .answered(nil), in: pipeline)
            settle(message, nil)
        }
    }

    func send(_ delta: ServerFrame, of id: UniqueID) {
        if let delta = order.add(delta, to: id) { client?.send(delta) }
    }

    private func tell(_ frame: ServerFrame) {
        recorder?.told(frame, in: session)
        client?.send(frame)
    }

    func settle(_ message: Message, _ frame: ServerFrame?) { settle(message.id, message.clientID, frame) }

    func settle(_ id: UniqueID, _ clientID: String?, _ frame: ServerFrame?) {
        if clientID != nil {
            let outcome: RememberedAnswers.Outcome = frame?.kind == .response ? .answered(frame) : .failed
            pipeline.lend { remember(id, outcome, in: $0) }
        }
        let leaving = order.settle(id, frame)
        if leaving != .never { pipeline.lend { $0.meter.settled(with: frame) } }
        if leaving == .now {
            if let frame { tell(frame) }
            while let frame = order.next() { tell(frame) }
        }
        if !isAdvancing && pending == 0 { client?.conversationIsIdle() }
    }

    /// Takes a place out of the order: what waited there is answered elsewhere.
    func vacate(_ place: UniqueID) {
        guard order.settle(place, nil) == .now else { return }
        while let frame = order.next() { tell(frame) }
    }
}
