import Pipeline
import Synchronization

/// A session that this host has, among the hosts that share it: what the others must know of it is written down.
final class SharedSession: Sendable {
    /// Messages of the session that another host works on.
    fileprivate struct Source {
        /// What the frames that it sends are known by.
        var number: Int
        var open: [String?]
        var work: [RememberedAnswers.Key]
    }

    fileprivate struct State {
        /// Of what is written; 0 before anything is.
        var revision: UInt64
        /// Whether another host has the session, or none has.
        var isAway = false
        /// Messages with an id that came since the session is here.
        var keys: [RememberedAnswers.Key] = []
        var pruneAt = 64
        /// Messages without an answer, of each conversation.
        var open: [ObjectIdentifier: [String?]] = [:]
        var isText = false
        var sources: [String: Source] = [:]
        /// Messages that other hosts work on, of clients of their own.
        var guests: [String: [RememberedAnswers.Key]] = [:]
        var isWriting = false
        var isChanged = false
        var written: [String?] = []
    }

    let key: SessionKey
    let userID: String?
    let sessions: SharedSessions
    private let state: Mutex<State>

    init(_ key: SessionKey, userID: String?, in sessions: SharedSessions, revision: UInt64 = 0) {
        (self.key, self.userID, self.sessions) = (key, userID, sessions)
        state = Mutex(State(revision: revision))
    }

    /// Whether another host has it.
    var isAway: Bool { state.withLock(\.isAway) }

    /// Whether its client gets texts without numbers.
    var isText: Bool { state.withLock(\.isText) }

    /// Looks for a message's answer, where that is known here.
    ///
    /// - Parameter look: Looks for it, or notes that it is worked on.
    /// - Returns: `nil` where another host has the session, which is to be asked.
    func begin(
        _ key: RememberedAnswers.Key, _ look: () -> RememberedAnswers.Finding
    ) -> RememberedAnswers.Finding? {
        state.withLock { state in
            if state.isAway { return nil }
            if state.keys.count >= state.pruneAt {
                state.keys = sessions.answers.known(of: state.keys)
                state.pruneAt = max(64, 2 * state.keys.count)
            }
            state.keys.append(key)
            return look()
        }
    }

    /// Notes which messages of a conversation have no answer.
    func note(_ open: [String?], of conversation: ObjectIdentifier, isText: Bool) {
        let isChanged = state.withLock { state in
            state.open[conversation] = open.isEmpty ? nil : open
            state.isText = isText
            return !state.isAway && state.all != state.written
        }
        if isChanged { changed() }
    }

    // MARK: - From host to host

    /// Leaves the session to another host, or to none.
    ///
    /// - Parameter known: What is known of its messages.
    /// - Returns: `nil` where it was left before.
    func leave(
        _ known: ([RememberedAnswers.Key]) -> RememberedAnswers.OfSession
    ) -> (known: RememberedAnswers.OfSession, open: [String?], isText: Bool, revision: UInt64)? {
        state.withLock { state in
            if state.isAway { return nil }
            state.isAway = true
            // In the lock: what begins from now on asks the other host.
            let known = known(state.keys)
            return (known, state.all, state.isText, state.revision)
        }
    }

    /// Notes what was taken over from another host, which goes on with what it has begun.
    func take(_ handed: HandedSession, _ known: RememberedAnswers.OfSession, from host: String, number: Int) {
        state.withLock { state in
            state.keys = known.answers.map(\.key) + known.work.map(\.key)
            state.isText = handed.isText
            state.sources[host] = Source(number: number, open: handed.open, work: known.work.map(\.key))
        }
    }

    /// Takes a frame that another host sends for the session's client.
    ///
    /// - Returns: Whether it belongs here.
    func takes(_ frame: ServerFrame, from host: String, number: Int) -> Bool {
        state.withLock { state in
            guard var source = state.sources[host], source.number == number else { return false }
            if frame.kind != .delta {
                let id = ClientFrame.id(of: frame.text(sequence: 0))
                if let index = source.open.firstIndex(where: { $0.isExactly(id) }) { source.open.remove(at: index) }
                state.sources[host] = source
            }
            return true
        }
    }

    /// The hosts that work on messages of the session.
    var workers: [String] { state.withLock { Array($0.sources.keys) } }

    /// Notes that another host works on a message of its own client.
    func add(_ key: RememberedAnswers.Key, at host: String) {
        state.withLock { $0.guests[host, default: []].append(key) }
    }

    /// Notes that work at another host has ended.
    func remove(_ key: RememberedAnswers.Key, at host: String) {
        state.withLock { state in
            state.sources[host]?.work.removeAll { $0 == key }
            state.guests[host]?.removeAll { $0 == key }
            if state.guests[host]?.isEmpty == true { state.guests[host] = nil }
        }
    }

    /// Whether anything ends with a host.
    func depends(on host: String) -> Bool {
        state.withLock {
            $0.guests[host] != nil || $0.sources[host].map { !$0.open.isEmpty || !$0.work.isEmpty } ?? false
        }
    }

    /// What has ended with a host: messages of the session's client, and what others may wait for.
    func lose(_ host: String) -> (open: [String?], keys: [RememberedAnswers.Key], format: Message.Format) {
        state.withLock { state in
            let source = state.sources.removeValue(forKey: host)
            let guests = state.guests.removeValue(forKey: host) ?? []
            return (source?.open ?? [], (source?.work ?? []) + guests, state.isText ? .text : .json)
        }
    }

    /// What other hosts work on, which nobody hears of any more.
    func loseAll() -> [String?] {
        state.withLock { state in
            defer { state.sources = [:] }
            return state.sources.values.flatMap(\.open)
        }
    }

    // MARK: - What is written down

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
                state.withLock { $0.revision = new }
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

extension SharedSession.State {
    /// All messages without an answer.
    fileprivate var all: [String?] {
        Array((open.values.flatMap(\.self) + sources.values.flatMap(\.open)).prefix(SessionRecord.maxOpen))
    }
}
