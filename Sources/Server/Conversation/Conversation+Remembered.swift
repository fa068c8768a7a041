import NIOCore
import Pipeline

/// Messages that come again, by the clients' own ids.
extension Conversation: AnswerWaiter {
    /// Begins a prompt; one that comes again gets the answer it had, or will get.
    func begin(_ prompt: ClientFrame.Prompt, size: Int, as waiting: Inbox.WaitingFrame?) {
        let allocated = prompt.metadata?.footprint ?? 0
        let (name, remember) = pipeline.lend { ($0.name, $0.entry.remember) }
        guard let clientID = prompt.id, remember != .off else {
            var message = message(prompt, as: waiting)
            if waiting == nil { order.expect(message.id, size: size) }
            return start(
                &message,
                AskedMessage(size: size, allocated: allocated, prompt: prompt.id.map { _ in PromptMark(prompt.prompt) })
            )
        }
        let isStored = remember == .stored
        let mark = PromptMark(prompt.prompt)
        let key = RememberedAnswers.Key(
            pipeline: ExactText(name), session: session.id, user: session.userID.map { ExactText($0) },
            id: ExactText(clientID), prompt: isStored ? nil : mark)
        let id = isStored ? UniqueID(name, session: session.id, clientID: clientID) : nil
        var message = message(prompt, as: waiting, id: id)
        let asked = AskedMessage(size: size, allocated: allocated, prompt: mark, isStored: isStored)
        func look() -> RememberedAnswers.Finding {
            kept.answers.begin(key, mark, for: owner, by: credential) {
                .init(
                    message: message.id, owner: owner, credential: credential,
                    conversation: NIOLoopBound(self, eventLoop: executor.eventLoop))
            }
        }
        let (finding, isAway) = share?.begin(key, look) ?? (look(), false)
        switch finding {
        case .new where isAway:
            expect(message.id, size: size, as: waiting)
            running.append(RunningMessage(message, asked))
            awaiting[message.id] = AwaitedAnswer(message: message, asked: asked, key: key, asksHost: true)
            askHost(about: message.id, key, mark)
        case .new:
            remembered.append((message.id, key))
            expect(message.id, size: size, as: waiting)
            start(&message, asked)
        case .asked:
            if let waiting { vacate(waiting.id) }
        case .awaited:
            expect(message.id, size: size, as: waiting)
            running.append(RunningMessage(message, asked))
            awaiting[message.id] = AwaitedAnswer(message: message, asked: asked, key: key)
        case .answered(let frame):
            expect(message.id, size: size, as: waiting)
            settle(message.id, nil, frame)
        case .otherPrompt:
            refuse(ClientFrame.Refusal(error: .usedID, id: clientID), as: waiting?.id)
        }
    }

    /// Whose client gets the answers: that of this conversation, or whoever has the retained session.
    private var owner: ObjectIdentifier { retained.map { ObjectIdentifier($0) } ?? ObjectIdentifier(self) }

    private func message(_ prompt: ClientFrame.Prompt, as waiting: Inbox.WaitingFrame?, id: UniqueID? = nil) -> Message
    {
        message(
            prompt.prompt, of: speaker(prompt.username), clientID: prompt.id, metadata: prompt.metadata ?? [:],
            as: waiting, id: id)
    }

    private func expect(_ id: UniqueID, size: Int, as waiting: Inbox.WaitingFrame?) {
        if let waiting { order.rename(waiting.id, to: id) } else { order.expect(id, size: size) }
    }

    /// Notes how the work on a message has ended.
    func remember(_ id: UniqueID, _ outcome: RememberedAnswers.Outcome, in pipeline: ServedPipeline) {
        guard let index = remembered.firstIndex(where: { $0.message == id }) else { return }
        kept.answers.end(remembered.remove(at: index).key, outcome, for: pipeline.entry.remember.time)
    }

    /// Goes on with a message that somebody else has worked on: with his answer, or with work of our own where he had none.
    func proceed(_ id: UniqueID, with outcome: RememberedAnswers.Outcome) {
        guard let awaited = awaiting.removeValue(forKey: id) else { return }
        guard var message = awaited.message else {
            // It was cancelled meanwhile. Whoever waits next goes on.
            if case .failed = outcome { kept.answers.end(awaited.key, .failed, for: .zero) }
            return
        }
        running.remove(id)
        switch outcome {
        case .answered(let frame): settle(id, nil, frame)
        case .failed:
            remembered.append((id, awaited.key))
            start(&message, awaited.asked)
        }
        resumeWaiting()
    }

    /// Waits no longer for somebody else's work.
    ///
    /// - Returns: The message; `nil` where it did not wait for any.
    func withdraw(_ id: UniqueID) -> Message? {
        guard let message = awaiting[id]?.message, let key = awaiting[id]?.key else { return nil }
        running.remove(id)
        awaiting[id]?.message = nil
        // Otherwise it is being told, and is looked for once more.
        if kept.answers.withdraw(id, from: key) { awaiting[id] = nil }
        return message
    }
}

extension PipelineError {
    /// The same id was used for another prompt.
    static let usedID = PipelineError(.invalidMessage, "'id' of the message was used for another prompt")
}

extension UniqueID {
    /// The id of a message that has the same on any host: UUID version 8 (RFC 9562 section 5.8), the first bits of a SHA-256.
    init(_ pipeline: String, session: String, clientID: String) {
        let words = TextDigest(pipeline, session, clientID).words
        self.init(digest: (words[0], words[1]))
    }
}
