import Pipeline
import Synchronization

/// What other hosts say.
extension SharedSessions {
    func hear(_ message: HostMessage) {
        if message.kind == .frame || message.kind == .ended {
            let isEarly = state.withLock { $0.early[message.session]?.add(message, in: room) != nil }
            if isEarly { return }
        }
        work(on: message)
    }

    /// Works on what came for a session before it was here, and from then on at once.
    func hearEarly(_ session: String) {
        while true {
            let early = state.withLock { state in
                let early = state.early[session] ?? EarlyMessages()
                state.early[session] = early.isEmpty ? nil : EarlyMessages()
                return early
            }
            if early.isEmpty { return }
            for message in early.messages { work(on: message) }
            room.give(early.bytes)
            guard let here = sessions.session(SessionKey(index, session)) else { continue }
            for (host, ends) in early.lost { lose(host, for: here, with: ends) }
        }
    }

    private func work(on message: HostMessage) {
        let key = SessionKey(index, message.session)
        switch message.kind {
        case .take: Task { await self.handOver(message) }
        case .begin: Task { await self.begin(message) }
        case .frame:
            guard let session = state.withLock({ $0.taken[message.number] }), let shared = session.shared else {
                return
            }
            if let ends = message.members["ends"] {
                guard shared.worker(number: message.number) == message.from else { return }
                return lose(message.from, for: session, with: ends.elements.map(\.text))
            }
            guard let frame = ServerFrame(shared: message.members["frame"]),
                shared.takes(frame, from: message.from, number: message.number)
            else { return }
            session.deliver(frame)
            if frame.kind != .delta { shared.changed() }
        case .ended:
            guard let json = message.members["key"],
                let (key, _) = RememberedAnswers.Key.read(json, of: message.session, pipeline: name)
            else { return }
            hearEnd(of: key, message)
        case .outcome: hearOutcome(message)
        case .cancel:
            guard let id = message.members["id"]?.text else { return }
            cancel(id, of: key, userID: message.members["user"]?.text)
        case .reply, .ping, .acknowledge, .lost: break
        }
    }

    /// Work at another host has ended, if it was known here that it goes on.
    private func hearEnd(of key: RememberedAnswers.Key, _ message: HostMessage) {
        let here = sessions.session(SessionKey(index, message.session))?.shared
        // The session may have been left since, and the host that has it now waits to hear it from here.
        let left = state.withLock { [$0.taken[message.number]].compactMap(\.self) + ($0.watched[message.from] ?? []) }
            .compactMap(\.shared).filter { $0.key.id == message.session }
        var isKnown = false
        for shared in left + [here].compactMap(\.self) where shared.remove(key, at: message.from) { isKnown = true }
        guard isKnown else { return }
        here?.changedOpen()
        answers.end(key, RememberedAnswers.Outcome(message.members["outcome"]), for: settings.remember)
    }

    /// What became of a message that is waited for here.
    private func hearOutcome(_ message: HostMessage) {
        let outcome = RememberedAnswers.Outcome(message.members["outcome"])
        if let waiting = state.withLock({ $0.waiting.removeValue(forKey: message.number) }) {
            return waiting.tell(outcome)
        }
        // Whoever is told that it failed is believed to go on with it. Nobody waits for it here any more.
        guard case .failed = outcome, let json = message.members["key"],
            let (key, _) = RememberedAnswers.Key.read(json, of: message.session, pipeline: name)
        else { return }
        tellEnd(of: key, to: message.from, message.session, message.number, .failed)
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
        for worker in session.workers {
            let members = ["id": .string(id), "user": JSONValue(userID)]
            line.tell(
                worker, HostMessage(.cancel, from: host, session: session.key.id, number: line.nextNumber(), members))
        }
    }

    /// Waits for a session that is on its way here, where who asks has taken it later.
    private func waitForArrival(before question: HostMessage) async {
        guard let (arrival, task) = state.withLock({ $0.arriving[question.session] }) else { return }
        if let revision = question.members["revision"]?.whole, let own = await arrival.revision, own > revision {
            return
        }
        _ = await task.result
    }

    private func handOver(_ question: HostMessage) async {
        let key = SessionKey(index, question.session)
        await waitForArrival(before: question)
        let (line, asker) = (line, question.from)
        let listen: @Sendable (RememberedAnswers.Key, RememberedAnswers.Outcome) -> Void = { [weak self] key, outcome in
            self?.tellEnd(of: key, to: asker, question.session, question.number, outcome)
        }
        let (session, user) = (sessions.session(key), question.members["user"]?.text)
        let isOwn = session?.userID.isExactly(user) ?? true
        let revision = question.members["revision"]?.whole.map { UInt64(clamping: $0) }
        let left =
            isOwn
            ? session?.shared?.leave(before: revision) { keys in
                answers.handOver(
                    keys, of: key.id, pipeline: name, for: session.map { ObjectIdentifier($0) }, to: asker,
                    telling: listen)
            } : nil
        guard let session, let shared = session.shared, let left else {
            if let unwanted = takeUnwanted(key.id, of: user) { return line.answer(question, unwanted.json.members) }
            var handed = HandedSession()
            handed.isKnown = false
            if isOwn {
                handed.answers = answers.handOver(nil, of: key.id, pipeline: name, to: asker, telling: listen).json
            }
            return line.answer(question, handed.json.members)
        }
        let outbox = HostOutbox(in: room) { frame in
            line.tell(
                asker,
                HostMessage(
                    .frame, from: line.host, session: question.session, number: question.number,
                    ["frame": frame.shared]))
        }
        let (sequence, frames, freed) = session.handOver { outbox.add($0) }
        sessions.remove(session, key, freed: freed)
        var handed = HandedSession()
        (handed.sequence, handed.frames, handed.isText) = (sequence, frames, left.isText)
        // What is answered from now on is told the other host: a message is in one or the other, or among the frames.
        handed.open = await shared.openNow
        handed.answers = left.known.json
        line.answer(question, handed.json.members)
        if let ends = outbox.open(handed.open) { tellLost(ends, left.isText ? .text : .json, question) }
    }

    /// Tells the host that has a session now which of its messages end, as there was no room for what was said here.
    private func tellLost(_ ends: [String?], _ format: Message.Format, _ question: HostMessage) {
        noteLost(question.session, question.from)
        func tell(_ members: [String: JSONValue]) {
            line.tell(
                question.from,
                HostMessage(.frame, from: host, session: question.session, number: question.number, members))
        }
        // By this it forgets that they are worked on: else who asks again would wait for what is not said any more.
        tell(["ends": .array(ends.map { JSONValue($0) })])
        // A host of a version before does not read that.
        for id in ends { tell(["frame": ServerFrame.error(.stopping, clientID: id, in: format).shared]) }
    }

    private func begin(_ question: HostMessage) async {
        await waitForArrival(before: question)
        let line = line
        guard let session = sessions.session(SessionKey(index, question.session)), let shared = session.shared,
            session.userID.isExactly(question.members["user"]?.text), let json = question.members["key"],
            let (key, mark) = RememberedAnswers.Key.read(json, of: question.session, pipeline: name)
        else { return line.answer(question, ["finding": .string("moved")]) }
        let other = HostClient()
        let isOfClient = question.members["of_client"] == .bool(true)
        // Its client has been told that it ended, and may have asked again.
        if isOfClient, shared.hasLost(key.id.text) { return line.answer(question, ["finding": .string("asked")]) }
        let owner = isOfClient ? ObjectIdentifier(session) : ObjectIdentifier(other)
        let finding = shared.begin(key) {
            answers.begin(key, mark, for: owner) {
                RememberedAnswers.Waiter(message: .random(), owner: owner, isElsewhere: true) { [weak self] outcome in
                    // Whoever is told that it failed goes on with it.
                    if case .failed = outcome {
                        shared.add(key, at: question.from, isOfClient: isOfClient)
                        self?.watch(question.from, for: session)
                    }
                    withExtendedLifetime(other) {
                        line.tell(
                            question.from,
                            HostMessage(
                                .outcome, from: line.host, session: question.session, number: question.number,
                                ["outcome": outcome.json, "key": key.json(mark)]))
                    }
                }
            }
        }
        switch finding {
        case .new:
            shared.add(key, at: question.from, isOfClient: isOfClient)
            // While it is worked on nobody else is to be taken for its owner.
            answers.listen(to: key, for: nil) { _ in withExtendedLifetime(other) {} }
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
