import Pipeline
import Synchronization

/// What is written down of a session for the other hosts.
extension SharedSession {
    /// Has it written down, where it is this host's.
    func changed() {
        let begins = state.withLock { state in
            state.isChanged = true
            guard !state.isWriting, !state.isAway else { return false }
            state.isWriting = true
            return true
        }
        if begins { Task { await self.write() } }
    }

    /// Has it written down where nobody has for so long.
    func refresh(after time: Duration) {
        let isDue = state.withLock { !$0.isAway && $0.writtenAt.map { .now - $0 > time } ?? false }
        if isDue { changed() }
    }

    /// Notes that another host is in the record, from which this one waits to hear.
    ///
    /// - Returns: Whether nobody has noted that.
    func suspect() -> Bool {
        state.withLock { state in
            defer { state.isSuspect = true }
            return !state.isSuspect
        }
    }

    /// Goes on as the session's host, where the one in the record has died before it took it.
    func keep(from revision: UInt64? = nil) {
        state.withLock { state in
            state.isSuspect = false
            if let revision { state.revision = revision }
        }
        changed()
    }

    private func write() async {
        while true {
            let sequence = sessions.sequence(of: key)
            let next = state.withLock { state -> (SessionRecord, UInt64)? in
                guard state.isChanged, !state.isAway else {
                    state.isWriting = false
                    return nil
                }
                state.isChanged = false
                state.written = state.all
                var record = SessionRecord(host: sessions.host, userID: userID)
                (record.sequence, record.open, record.isText) = (sequence, state.written, state.isText)
                return (record, state.revision)
            }
            guard let (record, revision) = next else { return }
            guard await write(record, ifRevision: revision) else {
                state.withLock { ($0.isWriting, $0.isChanged) = (false, true) }
                return sessions.writeLater(self)
            }
        }
    }

    /// - Returns: Whether it is known what is written.
    private func write(_ record: SessionRecord, ifRevision revision: UInt64) async -> Bool {
        do throws(SharedFailure) {
            if let new = try await sessions.values.set(key.id, record.bytes, ifRevision: revision) {
                state.withLock { ($0.revision, $0.writtenAt) = (new, .now) }
                return true
            }
            let found = try await sessions.values.get(key.id)
            let isMine = found.map { SessionRecord($0.bytes)?.host == sessions.host } ?? true
            if isMine {
                // An attempt before did get through, or it is so long ago that it is no more.
                state.withLock { ($0.revision, $0.isChanged) = (found?.revision ?? 0, true) }
                return true
            }
        } catch {
            return false
        }
        // Another host has taken it, and will ask for it. Where it took this one for dead it does not.
        sessions.isTaken(self)
        return true
    }
}
