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
                if let task = state.arriving[comer.key.id] { return (task, false) }
                let task = Task { try await self.enter(comer) }
                state.arriving[comer.key.id] = task
                return (task, true)
            }
            let result = await task.result
            if isOwn {
                state.withLock { $0.arriving[comer.key.id] = nil }
                return try result.get()
            }
        }
    }

    /// How long it is tried again, where what is between the hosts does not answer.
    private static let patience: Duration = .seconds(4)

    private func enter(_ comer: Comer) async throws {
        let end = ContinuousClock.now + SharedSessions.patience
        // What was there before an attempt of which nobody knows whether it got through.
        var tried: SessionRecord?
        while true {
            do {
                if try await tryToEnter(comer, &tried) { return }
            } catch is SharedFailure {
                guard ContinuousClock.now < end else {
                    throw HTTPRejection.noHost
                }
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    /// - Returns: Whether that is done; otherwise another host was faster.
    private func tryToEnter(_ comer: Comer, _ tried: inout SessionRecord?) async throws -> Bool {
        let id = comer.key.id
        let found = try await values.get(id)
        guard let found, var record = SessionRecord(found.bytes) else {
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
                if state.homes.count > 10_000 { state.homes = [:] }
                state.homes[id] = record.host
            }
            return true
        }
        if record.host == host, let tried { record = tried }
        let isAlive = record.host.isEmpty || record.host == host ? true : await line.isAlive(record.host)
        guard let isAlive else { throw SharedFailure.away }
        var mine = record
        (mine.host, mine.parked, mine.expires) = (host, nil, nil)
        tried = record
        guard let revision = try await values.set(id, mine.bytes, ifRevision: found.revision) else { return false }
        _ = state.withLock { $0.homes.removeValue(forKey: id) }
        if record.host.isEmpty {
            takeParked(record, comer, revision)
        } else if record.host == host {
            // It was forgotten here.
            put(comer, revision: revision)
        } else {
            await take(record, comer, revision, isAlive: isAlive)
        }
        return true
    }

    /// Asks the host that had the session for it. One that does not answer is dead, or as good as that: what was under way there
    /// ends.
    private func take(_ record: SessionRecord, _ comer: Comer, _ revision: UInt64, isAlive: Bool) async {
        let line = line
        let number = line.nextNumber()
        let question = HostMessage(
            .take, from: host, session: comer.key.id, number: number, ["user": JSONValue(comer.userID)])
        do throws(SharedFailure) {
            guard isAlive else { throw .nobody }
            state.withLock { $0.early[comer.key.id] = [] }
            defer { hearEarly(comer.key.id) }
            let handed = HandedSession(.object(try await line.ask(record.host, question)))
            let known = RememberedAnswers.OfSession(handed.answers, of: comer.key.id, pipeline: name)
            let session = put(comer, revision: revision, handed) { session, shared in
                shared.take(handed, known, from: record.host, number: number)
                remember(session, number: number)
                return known
            }
            watch(record.host, for: session)
        } catch {
            logger.notice(
                "Took over a session from a host that does not answer",
                metadata: ["session_id": "\(comer.key.id)", "host": "\(record.host)", "detail": "\(error)"])
            var handed = HandedSession()
            handed.sequence = max(record.sequence, comer.seen)
            end(record.open, in: put(comer, revision: revision, handed), format: record.format)
        }
    }

    /// How many sessions are known by their numbers: what another host sends for one that was taken before those is lost.
    private static let maxTaken = 10_000

    private func remember(_ session: RetainedSession, number: Int) {
        state.withLock { state in
            state.taken[number] = session
            state.takenOrder.append(number)
            if state.takenOrder.count > Self.maxTaken, let oldest = state.takenOrder.popFirst() {
                state.taken[oldest] = nil
            }
        }
    }

    private func takeParked(_ record: SessionRecord, _ comer: Comer, _ revision: UInt64) {
        guard let handed = record.parked, record.expires.map({ .now < $0 }) ?? false else {
            put(comer, revision: revision)
            return
        }
        let known = RememberedAnswers.OfSession(handed.answers, of: comer.key.id, pipeline: name)
        let session = put(comer, revision: revision, handed) { _, _ in known }
        end(record.open, in: session, format: record.format)
    }

    /// Ends messages that nobody works on any more.
    private func end(_ open: [String?], in session: RetainedSession, format: Message.Format) {
        for id in open { session.deliver(.error(.stopping, clientID: id, in: format)) }
        session.shared?.changed()
    }

    /// - Parameter handed: What another host had; `nil` for a new session.
    @discardableResult
    private func put(
        _ comer: Comer, revision: UInt64, _ handed: HandedSession? = nil,
        _ know: (RetainedSession, SharedSession) -> RememberedAnswers.OfSession = { _, _ in .init() }
    ) -> RetainedSession {
        let settings = settings
        let shared = SharedSession(comer.key, userID: comer.userID, in: self, revision: revision)
        let session = RetainedSession(
            userID: comer.userID, by: comer.credential, limit: settings.limit, for: settings.retention,
            budget: sessions.budget, at: .now(), shared: shared)
        var bytes = 0
        if let handed, handed.isKnown { bytes = session.resume(at: handed.sequence, with: handed.frames) }
        answers.take(know(session, shared), for: ObjectIdentifier(session))
        sessions.put(session, comer.key, bytes: bytes)
        return session
    }
}

extension HTTPRejection {
    fileprivate static var noHost: HTTPRejection {
        unavailable("it can't be looked up now which host has this session")
    }
}
