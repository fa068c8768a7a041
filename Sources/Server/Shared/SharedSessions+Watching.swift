import Logging
import Pipeline
import Synchronization

/// Hosts that die, records that could not be written, and what is left when this host stops.
extension SharedSessions {
    /// How often hosts are looked at whose end matters.
    private static let interval: Duration = .milliseconds(500)

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
            try? await Task.sleep(for: SharedSessions.interval)
            let line = line
            if line.link.isConnected {
                let unwritten = state.withLock { state in
                    defer { state.unwritten = [] }
                    return state.unwritten
                }
                for session in unwritten { session.changed() }
            }
            for host in relevantHosts() where await line.isAlive(host) == false { hasDied(host) }
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

    private func hasDied(_ host: String) {
        let (concerned, waiting) = state.withLock { state in
            let waiting = state.waiting.filter { $0.value.host == host }
            for number in waiting.keys { state.waiting[number] = nil }
            return (state.watched.removeValue(forKey: host) ?? [], waiting.values.map(\.tell))
        }
        logger.notice(
            "A host that worked on messages of shared sessions is gone", metadata: ["host": "\(host)"])
        for tell in waiting { tell(nil) }
        for session in concerned {
            guard let lost = session.shared?.lose(host) else { continue }
            for id in lost.open { session.deliver(.error(.stopping, clientID: id, in: lost.format)) }
            for key in lost.keys { answers.end(key, .failed, for: .zero) }
            session.shared?.changed()
        }
    }

    /// Another host has taken a session. If it does not ask for it soon it took this host for dead, and its client is closed.
    func isTaken(_ shared: SharedSession) {
        Task {
            try? await Task.sleep(for: .seconds(4))
            guard !shared.isAway, let session = sessions.session(shared.key), session.shared === shared else { return }
            guard let found = try? await values.get(shared.key.id), let record = SessionRecord(found.bytes),
                record.host != host
            else { return shared.changed() }
            guard shared.leave({ _ in .init() }) != nil else { return }
            let (_, _, freed) = session.handOver { _ in }
            sessions.remove(session, shared.key, freed: freed)
        }
    }

    // MARK: - The end

    /// Leaves every session to the hosts that stay: the process ends.
    ///
    /// - Parameter deadline: Until when that may take.
    func park(until deadline: ContinuousClock.Instant) async {
        let all = sessions.sessions(ofPipeline: index)
        await withTaskGroup(of: Void.self) { group in
            var rest = all[...]
            for _ in 0..<64 {
                if let next = rest.popFirst() { group.addTask { await self.park(next.key, next.session) } }
            }
            while await group.next() != nil, ContinuousClock.now < deadline {
                if let next = rest.popFirst() { group.addTask { await self.park(next.key, next.session) } }
            }
        }
        line.stop()
    }

    private func park(_ key: SessionKey, _ session: RetainedSession) async {
        guard let shared = session.shared else { return }
        let format: Message.Format = shared.isText ? .text : .json
        for id in shared.loseAll() { session.deliver(.error(.stopping, clientID: id, in: format)) }
        guard let left = shared.leave({ self.answers.handOver($0, of: key.id, pipeline: self.name) { _, _ in } }) else {
            return
        }
        let (sequence, frames, freed) = session.handOver { _ in }
        sessions.remove(session, key, freed: freed)
        var handed = HandedSession()
        (handed.sequence, handed.frames, handed.isText) = (sequence, frames, left.isText)
        handed.answers = left.known.json
        handed.trim(to: line.link.maxMessage - 4_096)
        var record = SessionRecord(host: "", userID: session.userID)
        (record.sequence, record.isText, record.parked) = (sequence, left.isText, handed)
        record.expires = Timestamp(
            microseconds: Timestamp.now.microseconds + Int64(session.time / .microseconds(1)))
        var revision = left.revision
        for _ in 0..<3 {
            do throws(SharedFailure) {
                if try await values.set(key.id, record.bytes, ifRevision: revision) != nil { return }
                let found = try await values.get(key.id)
                guard found.map({ SessionRecord($0.bytes)?.host == host }) ?? true else { return }
                revision = found?.revision ?? 0
            } catch {
                return
            }
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
