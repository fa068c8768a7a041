import Logging
import Pipeline
import Synchronization

/// Hosts that die, records that could not be written, and what is left when this host stops.
extension SharedSessions {
    /// Has a host's end noticed.
    ///
    /// - Parameter session: The one that is concerned; `nil` where only a question is.
    func watch(_ host: String, for session: RetainedSession?) {
        let begins = state.withLock { state in
            var concerned = state.watched[host] ?? []
            if let session, !concerned.contains(where: { $0 === session }) { concerned.append(session) }
            state.watched[host] = concerned
            return state.beginWatching()
        }
        if begins { Task { await self.watch() } }
    }

    /// Tries to write a record later, as nobody can be reached now.
    func writeLater(_ session: SharedSession) {
        let begins = state.withLock { state in
            state.unwritten.append(session)
            return state.beginWatching()
        }
        if begins { Task { await self.watch() } }
    }

    private func watch() async {
        while true {
            try? await Task.sleep(for: patience.watch)
            if line.link.isConnected {
                let unwritten = state.withLock { state in
                    defer { state.unwritten = [] }
                    return state.unwritten
                }
                for session in unwritten { session.changed() }
            }
            for host in relevantHosts() {
                let isAlive = await line.isAlive(host)
                // What it had to say until now it says no more.
                if isAlive == false || isAlive == nil && line.silence(of: host) > patience.outage { hasDied(host) }
            }
            let isOver = state.withLock { state in
                state.isWatching = !state.unwritten.isEmpty || !state.watched.isEmpty
                return !state.isWatching
            }
            if isOver { return }
        }
    }

    /// The hosts that something depends on.
    private func relevantHosts() -> [String] {
        state.withLock { state in
            let asked = Set(state.waiting.values.map(\.host))
            for (host, concerned) in state.watched {
                let left = concerned.filter { $0.shared?.depends(on: host) ?? false }
                state.watched[host] = left.isEmpty && !asked.contains(host) ? nil : left
            }
            return Array(state.watched.keys)
        }
    }

    /// Ends what was under way at a host: it has died, or what it has said is lost.
    func hasDied(_ host: String) {
        let (concerned, waiting) = state.withLock { state in
            let waiting = state.waiting.filter { $0.value.host == host }
            for number in waiting.keys { state.waiting[number] = nil }
            return (state.watched.removeValue(forKey: host) ?? [], waiting.values.map(\.tell))
        }
        logger.notice(
            "A host that worked on messages of shared sessions is gone", metadata: ["host": "\(host)"])
        for tell in waiting { tell(nil) }
        for session in concerned { end(session, at: host) }
    }

    /// Ends what was under way for a session at a host, as there was no room for what that has said.
    ///
    /// - Parameter ends: The ids of messages that had ended in what was lost.
    func lose(_ host: String, for session: RetainedSession, with ends: [String?] = []) {
        if let id = session.shared?.key.id { noteLost(id, host) }
        end(session, at: host, ends)
    }

    func noteLost(_ session: String, _ host: String) {
        logger.warning(
            "There is no room for what hosts say of a session that has moved: its messages under way end with an error",
            metadata: ["session_id": "\(session)", "host": "\(host)"])
    }

    private func end(_ session: RetainedSession, at host: String, _ others: [String?] = []) {
        guard let lost = session.shared?.lose(host, others) else { return }
        // First, as a client may ask again at once: a message that were still worked on would get no answer then.
        for key in lost.keys { answers.end(key, .failed, for: .zero) }
        for id in lost.open { session.deliver(.error(.stopping, clientID: id, in: lost.format)) }
        session.shared?.changed()
    }

    /// Another host is in a session's record. If it has the session without having asked for it, it took this host for dead,
    /// and the client is closed.
    func isTaken(_ shared: SharedSession) {
        guard shared.suspect() else { return }
        Task {
            for _ in 0..<64 {
                try? await Task.sleep(for: patience.taken)
                guard !shared.isAway, let session = sessions.session(shared.key), session.shared === shared else {
                    return
                }
                guard let found = try? await values.get(shared.key.id), let record = SessionRecord(found.bytes),
                    record.host != host
                else { break }
                if record.former.contains(host) {
                    // It is about to ask, unless it has died before it did.
                    if await line.isAlive(record.host) == false { return shared.keep(from: found.revision) }
                    continue
                }
                guard shared.leave({ _ in .init() }) != nil else { return }
                let (_, _, freed) = session.handOver { _ in }
                sessions.remove(session, shared.key, freed: freed)
                return
            }
            shared.keep()
        }
    }

    // MARK: - The end

    /// Leaves every session to the hosts that stay: the process ends.
    ///
    /// - Parameter deadline: Until when that may take.
    func park(until deadline: ContinuousClock.Instant) async {
        state.withLock { $0.isStopping = true }
        let all = sessions.sessions(ofPipeline: index)
        await withTaskGroup(of: Void.self) { group in
            var rest = all[...]
            for _ in 0..<64 {
                if let next = rest.popFirst() { group.addTask { await self.park(next.key, next.session, deadline) } }
            }
            while await group.next() != nil, ContinuousClock.now < deadline {
                if let next = rest.popFirst() { group.addTask { await self.park(next.key, next.session, deadline) } }
            }
        }
        // What others have taken just now they ask for, and what was said has to come.
        let end = min(deadline, .now + patience.silence)
        while ContinuousClock.now < end, state.withLock({ !$0.unwanted.isEmpty }) {
            try? await Task.sleep(for: .milliseconds(10))
        }
        await line.flush(until: end)
        line.stop()
    }

    private func park(_ key: SessionKey, _ session: RetainedSession, _ deadline: ContinuousClock.Instant) async {
        guard let shared = session.shared else { return }
        let format: Message.Format = shared.isText ? .text : .json
        for id in shared.loseAll() { session.deliver(.error(.stopping, clientID: id, in: format)) }
        let owner = ObjectIdentifier(session)
        let left = shared.leave { keys in
            self.answers.handOver(keys, of: key.id, pipeline: self.name, for: owner, to: nil) { _, _ in }
        }
        guard let left else { return }
        let (sequence, frames, freed) = session.handOver { _ in }
        sessions.remove(session, key, freed: freed)
        var handed = HandedSession()
        (handed.sequence, handed.frames, handed.isText) = (sequence, frames, left.isText)
        var known = left.known
        // What goes on meanwhile is told nobody: asked again it is new.
        known.work = []
        handed.answers = known.json
        var record = SessionRecord(host: "", userID: session.userID)
        (record.sequence, record.isText) = (sequence, left.isText)
        record.expires = Timestamp(
            microseconds: Timestamp.now.microseconds + Int64(session.time / .microseconds(1)))
        var trimmed = handed
        trimmed.trim(to: line.link.maxMessage - 4_096)
        record.left = await leave(trimmed, key.id, deadline)
        if record.left == nil {
            logger.notice("What a client has missed can't be left at NATS", metadata: ["session_id": "\(key.id)"])
        }
        if await !write(record, key.id, left.revision, deadline) {
            // Another host has taken it in this instant.
            state.withLock { $0.unwanted[key.id] = (session.userID, handed) }
        }
    }

    /// Leaves what a client has missed beside the records, for the host to which it comes.
    ///
    /// - Returns: Its revision; `nil` where that could not be.
    private func leave(_ handed: HandedSession, _ id: String, _ deadline: ContinuousClock.Instant) async -> UInt64? {
        let (values, bytes) = (state.withLock(\.left), handed.bytes)
        var revision: UInt64 = 0
        for _ in 0..<5 where ContinuousClock.now < deadline {
            do throws(SharedFailure) {
                if let new = try await values.set(id, bytes, ifRevision: revision) { return new }
                revision = try await values.get(id)?.revision ?? 0
            } catch {
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
        return nil
    }

    /// - Returns: Whether it is written, or can't be; otherwise another host is in the record.
    private func write(
        _ record: SessionRecord, _ id: String, _ revision: UInt64, _ deadline: ContinuousClock.Instant
    ) async -> Bool {
        var revision = revision
        for _ in 0..<5 where ContinuousClock.now < deadline {
            do throws(SharedFailure) {
                if try await values.set(id, record.bytes, ifRevision: revision) != nil { return true }
                let found = try await values.get(id)
                let other = found.flatMap { SessionRecord($0.bytes) }
                // An attempt before did get through.
                if let other, other.host.isEmpty { return true }
                guard other.map({ $0.host == host }) ?? true else { return false }
                revision = found?.revision ?? 0
            } catch {
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
        return true
    }

    /// What this host has kept of a session that another one has taken while it stopped.
    func takeUnwanted(_ id: String, of user: String?) -> HandedSession? {
        state.withLock { state in
            guard let (owner, handed) = state.unwanted[id], owner.isExactly(user) else { return nil }
            state.unwanted[id] = nil
            return handed
        }
    }
}

extension SharedSessions.State {
    /// - Returns: Whether somebody has to begin.
    fileprivate mutating func beginWatching() -> Bool {
        defer { isWatching = true }
        return !isWatching
    }
}
