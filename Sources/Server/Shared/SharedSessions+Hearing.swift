import Pipeline
import Synchronization

/// What other hosts say.
extension SharedSessions {
    func hear(_ message: HostMessage) {
        if message.kind == .frame || message.kind == .ended {
            let isEarly = state.withLock { $0.early[message.session]?.append(message) != nil }
            if isEarly { return }
        }
        work(on: message)
    }

    /// Works on what came for a session before it was here, and from then on at once.
    func hearEarly(_ session: String) {
        while true {
            let early = state.withLock { state in
                let early = state.early[session] ?? []
                state.early[session] = early.isEmpty ? nil : []
                return early
            }
            if early.isEmpty { return }
            for message in early { work(on: message) }
        }
    }

    private func work(on message: HostMessage) {
        let key = SessionKey(index, message.session)
        switch message.kind {
        case .take: Task { await self.handOver(message) }
        case .begin: Task { await self.begin(message) }
        case .frame:
            guard let frame = ServerFrame(shared: message.members["frame"]),
                let session = state.withLock({ $0.taken[message.number] }),
                session.shared?.takes(frame, from: message.from, number: message.number) == true
            else { return }
            session.deliver(frame)
            if frame.kind != .delta { session.shared?.changed() }
        case .ended:
            guard let json = message.members["key"],
                let (key, _) = RememberedAnswers.Key.read(json, of: message.session, pipeline: name)
            else { return }
            sessions.session(SessionKey(index, message.session))?.shared?.remove(key, at: message.from)
            answers.end(key, RememberedAnswers.Outcome(message.members["outcome"]), for: settings.remember)
        case .outcome:
            let waiting = state.withLock { $0.waiting.removeValue(forKey: message.number) }
            waiting?.tell(RememberedAnswers.Outcome(message.members["outcome"]))
        case .cancel:
            guard let id = message.members["id"]?.text else { return }
            cancel(id, of: key, userID: message.members["user"]?.text)
        case .reply, .ping: break
        }
    }

    /// Cancels a message, by the client's `id`, wherever it is worked on.
    private func cancel(_ id: String, of key: SessionKey, userID: String?) {
        connected.cancel(id, of: key, userID: userID)
        unattended.cancel(id, of: key, userID: userID)
        // Others may work for it still, from whom it came here before it was left.
        let watched = state.withLock { $0.watched.values.flatMap(\.self).compactMap(\.shared) }
        for session in watched where session.key == key && session.userID.isExactly(userID) {
            cancelElsewhere(id, of: session, userID: userID)
        }
    }

    /// Cancels a message at the hosts that work on messages of the session.
    func cancelElsewhere(_ id: String, of session: SharedSession, userID: String?) {
        let line = line
        for worker in session.workers {
            let members = ["id": .string(id), "user": JSONValue(userID)]
            line.tell(
                worker, HostMessage(.cancel, from: host, session: session.key.id, number: line.nextNumber(), members))
        }
    }

    private func handOver(_ question: HostMessage) async {
        let key = SessionKey(index, question.session)
        if let arriving = state.withLock({ $0.arriving[question.session] }) { _ = await arriving.result }
        let (line, asker) = (line, question.from)
        let listen: @Sendable (RememberedAnswers.Key, RememberedAnswers.Outcome) -> Void = { [weak self] key, outcome in
            self?.tellEnd(of: key, to: asker, question.session, outcome)
        }
        let session = sessions.session(key)
        let isOwn = session?.userID.isExactly(question.members["user"]?.text) ?? true
        let left =
            isOwn ? session?.shared?.leave { answers.handOver($0, of: key.id, pipeline: name, telling: listen) } : nil
        guard let session, let left else {
            var handed = HandedSession()
            handed.isKnown = false
            if isOwn { handed.answers = answers.handOver(nil, of: key.id, pipeline: name, telling: listen).json }
            return line.answer(question, handed.json.members)
        }
        let outbox = HostOutbox()
        let (sequence, frames, freed) = session.handOver { frame in
            outbox.add {
                line.tell(
                    asker,
                    HostMessage(
                        .frame, from: line.host, session: question.session, number: question.number,
                        ["frame": frame.shared]))
            }
        }
        sessions.remove(session, key, freed: freed)
        var handed = HandedSession()
        (handed.sequence, handed.frames, handed.open, handed.isText) = (sequence, frames, left.open, left.isText)
        handed.answers = left.known.json
        line.answer(question, handed.json.members)
        outbox.open()
    }

    private func begin(_ question: HostMessage) async {
        if let arriving = state.withLock({ $0.arriving[question.session] }) { _ = await arriving.result }
        let line = line
        guard let session = sessions.session(SessionKey(index, question.session)), let shared = session.shared,
            session.userID.isExactly(question.members["user"]?.text), let json = question.members["key"],
            let (key, mark) = RememberedAnswers.Key.read(json, of: question.session, pipeline: name)
        else { return line.answer(question, ["finding": .string("moved")]) }
        let other = HostClient()
        let isOfClient = question.members["of_client"] == .bool(true)
        let owner = isOfClient ? ObjectIdentifier(session) : ObjectIdentifier(other)
        let finding = shared.begin(key) {
            answers.begin(key, mark, for: owner) {
                RememberedAnswers.Waiter(message: .random(), owner: owner, isElsewhere: true) { outcome in
                    // Whoever is told that it failed goes on with it.
                    if case .failed = outcome { shared.add(key, at: question.from) }
                    withExtendedLifetime(other) {
                        line.tell(
                            question.from,
                            HostMessage(
                                .outcome, from: line.host, session: question.session, number: question.number,
                                ["outcome": outcome.json]))
                    }
                }
            }
        }
        switch finding {
        case .new:
            shared.add(key, at: question.from)
            // While it is worked on nobody else is to be taken for its owner.
            answers.listen(to: key) { _ in withExtendedLifetime(other) {} }
            watch(question.from, for: session)
            line.answer(question, ["finding": .string("new")])
        case .asked: line.answer(question, ["finding": .string("asked")])
        case .awaited:
            watch(question.from, for: session)
            line.answer(question, ["finding": .string("awaited")])
        case .answered(let frame):
            line.answer(question, ["finding": .string("answered"), "frame": frame?.shared ?? .null])
        case .otherPrompt: line.answer(question, ["finding": .string("other_prompt")])
        case nil: line.answer(question, ["finding": .string("moved")])
        }
    }
}
