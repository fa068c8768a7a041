import DequeModule
import Logging
import NIOCore
import Pipeline
import Synchronization

/// Clients that come to a session.
extension SharedSessions {
    /// Takes a session for a client.
    ///
    /// - Parameter limit: How long other hosts may be asked.
    /// - Returns: `nil` where that is done; otherwise it has to come here first.
    /// - Throws: 403 where it is another user's.
    func claim(
        _ comer: Comer, within limit: Duration, on eventLoop: any EventLoop
    ) throws(HTTPRejection) -> EventLoopFuture<Void>? {
        if let known = sessions.session(comer.key) {
            guard known.userID.isExactly(comer.userID) else { throw .foreignSession }
            return nil
        }
        return eventLoop.makeFutureWithTask {
            try await withTimeout(limit, orThrow: HTTPRejection.noHost) { try await self.arrive(comer) }
        }
    }

    /// Who comes to a session, and by what.
    struct Comer: Sendable {
        let key: SessionKey
        let userID: String?
        let credential: ClientCredential?
        /// The last frame that the client saw.
        let seen: Int
        /// Whether it comes for one message, which another host's session may have.
        let isMessage: Bool
        /// Looks whose session it is of which no host knows.
        let own: @Sendable () async throws -> Void

        init(_ admission: Admission, isMessage: Bool, own: @escaping @Sendable () async throws -> Void) {
            key = SessionKey(admission.pipeline, admission.session)
            (userID, credential) = (admission.session.userID, admission.credential)
            (seen, self.isMessage, self.own) = (admission.seen ?? 0, isMessage, own)
        }
    }

    /// Brings a session here, where it is not; or finds out that it is at another host, for who comes for one message.
    ///
    /// - Throws: 403 where it is another user's, 503 where that can't be told now.
    func arrive(_ comer: Comer) async throws {
        while true {
            if let known = sessions.session(comer.key) {
                guard known.userID.isExactly(comer.userID) else { throw HTTPRejection.foreignSession }
                return
            }
            let (task, isOwn) = state.withLock { state in
                if let (_, task) = state.arriving[comer.key.id] { return (task, false) }
                let arrival = Arrival()
                let task = Task {
                    defer { arrival.decide(nil) }
                    try await self.enter(comer, arrival)
                }
                state.arriving[comer.key.id] = (arrival, task)
                return (task, true)
            }
            let result = await task.result
            if isOwn {
                state.withLock { $0.arriving[comer.key.id] = nil }
                return try result.get()
            }
        }
    }

    private func enter(_ comer: Comer, _ arrival: Arrival) async throws {
        let end = ContinuousClock.now + patience.entering
        while true {
            do {
                if try await tryToEnter(comer, arrival) { return }
            } catch is SharedFailure {
                guard ContinuousClock.now < end else {
                    throw HTTPRejection.noHost
                }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// - Returns: Whether that is done; otherwise another host was faster.
    private func tryToEnter(_ comer: Comer, _ arrival: Arrival) async throws -> Bool {
        let id = comer.key.id
        let found = try await values.get(id)
        guard let found, let record = SessionRecord(found.bytes) else {
            try await comer.own()
            let mine = SessionRecord(host: host, userID: comer.userID)
            let revision = try await values.set(id, mine.bytes, ifRevision: found?.revision ?? 0)
            guard let revision else { return false }
            put(comer, revision: revision)
            return true
        }
        guard record.userID.isExactly(comer.userID) else { throw HTTPRejection.foreignSession }
        if comer.isMessage, record.host != host, !record.host.isEmpty, !line.isDead(record.host) {
            state.withLock { state in
                // As many as are worth it.
                if state.homes.count >= bounds.homes { state.homes = [:] }
                state.homes[id] = record.host
            }
            return true
        }
        if !record.host.isEmpty, record.host != host, await line.isAlive(record.host) == nil {
            throw SharedFailure.away
        }
        // Where this host is in it already, nobody knows whether an attempt before got through, or it was forgotten here.
        let mine = record.taken(by: host)
        guard let revision = try await values.set(id, mine.bytes, ifRevision: found.revision) else { return false }
        arrival.decide(revision)
        _ = state.withLock { $0.homes.removeValue(forKey: id) }
        await take(mine, comer, revision)
        return true
    }

    /// What another host had of a session.
    private struct Source {
        let host: String
        let number: Int
        let handed: HandedSession
        let known: RememberedAnswers.OfSession
    }

    /// Asks those that may have the session for it, the last first. One that is silent is dead, and what was under way there
    /// ends; one that is there may take its time.
    private func take(_ record: SessionRecord, _ comer: Comer, _ revision: UInt64) async {
        let id = comer.key.id
        state.withLock { $0.early[id] = EarlyMessages() }
        defer { hearEarly(id) }
        var (sources, isLost): ([Source], Bool) = ([], false)
        for former in record.former.reversed() where former != host {
            if former.isEmpty {
                guard let handed = await takeLeft(record, id) else { continue }
                var known = RememberedAnswers.OfSession(handed.answers, of: id, pipeline: name)
                // Of what was worked on nobody hears any more: asked again it is new.
                known.work = []
                let source = Source(host: "", number: line.nextNumber(), handed: handed, known: known)
                return end(record.open, in: put(comer, revision: revision, handed, sources + [source]), record.format)
            }
            guard let source = await ask(former, for: comer, revision) else {
                isLost = true
                continue
            }
            sources.append(source)
            if source.handed.isKnown {
                let session = put(comer, revision: revision, source.handed, sources)
                session.shared?.changed()
                return
            }
        }
        guard isLost || !record.open.isEmpty else {
            put(comer, revision: revision, nil, sources)
            return
        }
        var handed = HandedSession()
        (handed.sequence, handed.isText) = (max(record.sequence, comer.seen), record.isText)
        end(record.open, in: put(comer, revision: revision, handed, sources), record.format)
    }

    /// - Returns: `nil` where the host is dead, or as good as that.
    private func ask(_ former: String, for comer: Comer, _ revision: UInt64) async -> Source? {
        let number = line.nextNumber()
        let question = HostMessage(
            .take, from: host, session: comer.key.id, number: number,
            ["user": JSONValue(comer.userID), "revision": .int(Int(revision))])
        do throws(SharedFailure) {
            let handed = HandedSession(.object(try await line.ask(former, question, outage: patience.outage)))
            let known = RememberedAnswers.OfSession(handed.answers, of: comer.key.id, pipeline: name)
            return Source(host: former, number: number, handed: handed, known: known)
        } catch {
            logger.notice(
                "Took over a session from a host that does not answer",
                metadata: ["session_id": "\(comer.key.id)", "host": "\(former)", "detail": "\(error)"])
            return nil
        }
    }

    /// What a host that has stopped has left.
    private func takeLeft(_ record: SessionRecord, _ id: String) async -> HandedSession? {
        guard record.expires.map({ .now < $0 }) ?? false else { return nil }
        guard let left = record.left else { return record.parked }
        let values = state.withLock(\.left)
        var stale = 0
        for _ in 0..<20 {
            do throws(SharedFailure) {
                guard let found = try await values.get(id), found.revision >= left else {
                    // A server that is behind may have been asked.
                    try? await Task.sleep(for: .milliseconds(100))
                    stale += 1
                    if stale > 3 { return nil }
                    continue
                }
                guard found.revision == left else { return nil }
                // It makes room. Where that fails its age does.
                Task { _ = try? await values.set(id, [], ifRevision: left) }
                return HandedSession(found.bytes)
            } catch {
                try? await Task.sleep(for: patience.look)
            }
        }
        return nil
    }

    /// Knows a session by the number under which another host, which may work for it, has handed it over.
    private func remember(_ session: RetainedSession, number: Int) {
        let forgotten = state.withLock { state in
            state.taken[number] = session
            state.takenOrder.append(number)
            guard state.takenOrder.count > state.takenLimit else { return [] as [(RetainedSession, Int)] }
            // Of a session for which nobody works any more nothing comes.
            state.taken = state.taken.filter { $0.key == number || $0.value.shared?.isDependent ?? false }
            state.takenOrder = state.takenOrder.filter { state.taken[$0] != nil }
            var forgotten: [(RetainedSession, Int)] = []
            while state.takenOrder.count > bounds.taken, let oldest = state.takenOrder.popFirst() {
                if let session = state.taken.removeValue(forKey: oldest) { forgotten.append((session, oldest)) }
            }
            state.takenLimit = max(min(1_024, bounds.taken), min(bounds.taken, 2 * state.takenOrder.count))
            return forgotten
        }
        for (session, number) in forgotten {
            if let host = session.shared?.worker(number: number) { lose(host, for: session) }
        }
    }

    /// Ends messages that nobody works on any more.
    private func end(_ open: [String?], in session: RetainedSession, _ format: Message.Format) {
        for id in open { session.deliver(.error(.stopping, clientID: id, in: format)) }
        session.shared?.changed()
    }

    /// - Parameters:
    ///   - handed: What another host had; `nil` for a new session.
    ///   - sources: Those that had something of it.
    @discardableResult
    private func put(
        _ comer: Comer, revision: UInt64, _ handed: HandedSession? = nil, _ sources: [Source] = []
    ) -> RetainedSession {
        let settings = settings
        let shared = SharedSession(comer.key, userID: comer.userID, in: self, revision: revision)
        let session = RetainedSession(
            userID: comer.userID, by: comer.credential, limit: settings.limit, for: settings.retention,
            budget: sessions.budget, at: .now(), shared: shared)
        var bytes = 0
        if let handed { bytes = session.resume(at: handed.sequence, with: handed.frames) }
        for source in sources {
            if !source.host.isEmpty {
                shared.take(source.handed, source.known, from: source.host, number: source.number)
                remember(session, number: source.number)
            }
            answers.take(source.known, for: ObjectIdentifier(session))
        }
        sessions.put(session, comer.key, bytes: bytes)
        for source in sources where !source.host.isEmpty { watch(source.host, for: session) }
        return session
    }
}

extension HTTPRejection {
    fileprivate static var noHost: HTTPRejection {
        unavailable("it can't be looked up now which host has this session")
    }
}
