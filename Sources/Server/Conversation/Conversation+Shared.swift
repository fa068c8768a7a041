import NIOCore
import Pipeline

/// Conversations of sessions that hosts share.
extension Conversation {
    /// How long other hosts hear nothing of a message: one that is answered by then costs nothing.
    private static let noteDelay = TimeAmount.milliseconds(10)

    /// Lets other hosts know soon which messages have no answer, so that they can end them where this host dies.
    func noteOpen() {
        guard !isNoting, let session = retained?.shared else { return }
        isNoting = true
        let conversation = NIOLoopBound(self, eventLoop: executor.eventLoop)
        session.expectNote(of: conversation, ObjectIdentifier(self))
        executor.eventLoop.scheduleTask(in: Self.noteDelay) { conversation.value.noteNow() }
    }

    /// Notes which messages have no answer, where that was to be noted soon.
    func noteNow() {
        guard isNoting, let session = retained?.shared else { return }
        isNoting = false
        session.note(openIDs, of: ObjectIdentifier(self), isText: format == .text)
    }

    /// The clients' ids of messages without an answer.
    private var openIDs: [String?] {
        order.waitingIDs.prefix(SessionRecord.maxOpen).map { id in
            running.all.first { $0.message == id }?.clientID ?? inbox.clientID(of: id)
                ?? remembered.first { $0.message == id }?.key.id.text
        }
    }

    /// Asks the host that has the session what it knows of a message.
    func askHost(about id: UniqueID, _ key: RememberedAnswers.Key, _ mark: PromptMark) {
        let conversation = NIOLoopBound(self, eventLoop: executor.eventLoop)
        guard let share else { return }
        share.sessions.ask(key, mark, of: share.comer, ofClient: retained != nil) { verdict in
            conversation.eventLoop.execute { conversation.value.proceed(id, by: verdict) }
        }
    }

    /// Goes on with a message as the other host has it.
    private func proceed(_ id: UniqueID, by verdict: SharedSessions.Verdict) {
        guard let awaited = awaiting[id] else { return }
        switch verdict {
        case .new: proceed(id, with: .failed)
        case .answered(let frame):
            let time = pipeline.lend { $0.entry.remember.time }
            kept.answers.end(awaited.key, .answered(frame), for: time)
            proceed(id, with: .answered(frame))
        case .asked:
            drop(id)
            vacate(id)
        case .otherPrompt: drop(id, .usedID)
        case .unavailable: drop(id, .stopping)
        }
    }

    /// Lets others who wait for the message's answer ask themselves.
    private func drop(_ id: UniqueID, _ error: PipelineError? = nil) {
        guard let awaited = awaiting.removeValue(forKey: id) else { return }
        kept.answers.end(awaited.key, .failed, for: .zero)
        guard let message = awaited.message else { return }
        running.remove(id)
        if let error {
            logger.failure(error, of: message)
            settle(id, nil, .error(error, clientID: message.clientID, in: format))
        }
        resumeWaiting()
    }
}
