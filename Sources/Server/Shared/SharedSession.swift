import NIOCore
import Pipeline
import Synchronization

/// A session that this host has, among the hosts that share it: what the others must know of it is written down.
final class SharedSession: Sendable {
    /// Messages of the session that another host works on.
    struct Source {
        /// What the frames that it sends are known by.
        var number: Int
        var open: [String?]
        var work: [RememberedAnswers.Key]
    }

    struct State {
        /// Of what is written; 0 before anything is.
        var revision: UInt64
        /// Whether another host has the session, or none has.
        var isAway = false
        /// Messages with an id that came since the session is here.
        var keys: [RememberedAnswers.Key] = []
        var pruneAt = 64
        /// Messages without an answer, of each conversation.
        var open: [ObjectIdentifier: [String?]] = [:]
        /// Conversations that are about to note theirs.
        var due: [ObjectIdentifier: NIOLoopBound<Conversation>] = [:]
        var isText = false
        var sources: [String: Source] = [:]
        /// Messages that other hosts work on, of clients of their own, or of the session's which has left them since.
        var guests: [String: [Guest]] = [:]
        /// Messages that have ended with a host: an answer that comes after all, by yet another, comes too late.
        var lost: [String] = []
        var isWriting = false
        var isChanged = false
        var written: [String?] = []
        var writtenAt: ContinuousClock.Instant?
        /// Whether another host is in the record, and is waited for.
        var isSuspect = false
    }

    struct Guest {
        let key: RememberedAnswers.Key
        let isOfClient: Bool
    }

    let key: SessionKey
    let userID: String?
    let sessions: SharedSessions
    let state: Mutex<State>

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

    /// Notes that a conversation is about to note its messages.
    func expectNote(of conversation: NIOLoopBound<Conversation>, _ id: ObjectIdentifier) {
        state.withLock { $0.due[id] = conversation }
    }

    /// The messages without an answer at this instant, and not as they were noted last.
    var openNow: [String?] {
        get async {
            for conversation in state.withLock({ Array($0.due.values) }) {
                try? await conversation.eventLoop.submit { conversation.value.noteNow() }.get()
            }
            return state.withLock(\.all)
        }
    }

    /// Notes which messages of a conversation have no answer.
    func note(_ open: [String?], of conversation: ObjectIdentifier, isText: Bool) {
        let isChanged = state.withLock { state in
            state.due[conversation] = nil
            state.open[conversation] = open.isEmpty ? nil : open
            state.isText = isText
            return !state.isAway && state.all != state.written
        }
        if isChanged { changed() }
    }

    /// Has it written down, where other messages have no answer than is written.
    func changedOpen() {
        if state.withLock({ !$0.isAway && $0.all != $0.written }) { changed() }
    }

    // MARK: - From host to host

    /// Leaves the session to another host, or to none.
    ///
    /// - Parameters:
    ///   - revision: Of the record by which the other host takes it; `nil` where that does not matter.
    ///   - known: What is known of its messages.
    /// - Returns: `nil` where it was left before, or has come here after the other had it.
    func leave(
        before revision: UInt64? = nil, _ known: ([RememberedAnswers.Key]) -> RememberedAnswers.OfSession
    ) -> (known: RememberedAnswers.OfSession, isText: Bool, revision: UInt64)? {
        state.withLock { state in
            if state.isAway || revision.map({ $0 < state.revision }) ?? false { return nil }
            state.isAway = true
            // In the lock: what begins from now on asks the other host.
            let known = known(state.keys)
            return (known, state.isText, state.revision)
        }
    }

    /// Notes what was taken over from another host, which goes on with what it has begun.
    func take(_ handed: HandedSession, _ known: RememberedAnswers.OfSession, from host: String, number: Int) {
        state.withLock { state in
            state.keys += known.answers.map(\.key) + known.work.map(\.key)
            if handed.isKnown { state.isText = handed.isText }
            state.sources[host] = Source(number: number, open: handed.open, work: known.work.map(\.key))
        }
    }

    /// Takes a frame that another host sends for the session's client.
    ///
    /// - Returns: Whether it belongs here.
    func takes(_ frame: ServerFrame, from host: String, number: Int) -> Bool {
        state.withLock { state in
            guard var source = state.sources[host], source.number == number else { return false }
            if !state.lost.isEmpty || frame.kind != .delta {
                let id = frame.clientID
                if let id, state.lost.contains(where: { $0.isExactly(id) }) { return false }
                if frame.kind == .delta { return true }
                if let index = source.open.firstIndex(where: { $0.isExactly(id) }) { source.open.remove(at: index) }
                state.sources[host] = source
            }
            return true
        }
    }

    /// The host whose frames are known by a number.
    func worker(number: Int) -> String? {
        state.withLock { state in state.sources.first { $0.value.number == number }?.key }
    }

    /// The hosts that work on messages of the session.
    var workers: [String] { state.withLock { Array($0.sources.keys) } }

    /// Notes that another host works on a message.
    ///
    /// - Parameter isOfClient: Whether the session's client has asked for it, before it came here.
    func add(_ key: RememberedAnswers.Key, at host: String, isOfClient: Bool) {
        state.withLock { state in
            // Where frames come from that host, its end is theirs.
            let isOfSource = isOfClient && state.sources[host] != nil
            let id = key.id.text
            if isOfSource, state.sources[host]?.open.contains(where: { $0.isExactly(id) }) == false {
                state.sources[host]?.open.append(id)
            }
            state.guests[host, default: []].append(Guest(key: key, isOfClient: isOfClient && !isOfSource))
            state.lost.removeAll { $0.isExactly(key.id.text) }
        }
        if isOfClient { changedOpen() }
    }

    /// Notes that work at another host has ended.
    ///
    /// - Returns: Whether it was known that the host works on it.
    func remove(_ key: RememberedAnswers.Key, at host: String) -> Bool {
        state.withLock { state in
            let before = (state.sources[host]?.work.count ?? 0) + (state.guests[host]?.count ?? 0)
            state.sources[host]?.work.removeAll { $0 == key }
            state.guests[host]?.removeAll { $0.key == key }
            let after = (state.sources[host]?.work.count ?? 0) + (state.guests[host]?.count ?? 0)
            if state.guests[host]?.isEmpty == true { state.guests[host] = nil }
            return after < before
        }
    }

    /// Whether anything ends with a host.
    func depends(on host: String) -> Bool {
        state.withLock {
            $0.guests[host] != nil || $0.sources[host].map { !$0.open.isEmpty || !$0.work.isEmpty } ?? false
        }
    }

    /// Whether anything ends with any other host.
    var isDependent: Bool {
        state.withLock { state in
            !state.guests.isEmpty || state.sources.values.contains { !$0.open.isEmpty || !$0.work.isEmpty }
        }
    }

    /// What has ended with a host: messages of the session's client, and what others may wait for.
    ///
    /// - Parameter ends: The ids of messages whose ends are lost, which the host may not have counted among those without one.
    func lose(
        _ host: String, _ ends: [String?] = []
    ) -> (open: [String?], keys: [RememberedAnswers.Key], format: Message.Format) {
        state.withLock { state in
            let source = state.sources.removeValue(forKey: host)
            let guests = state.guests.removeValue(forKey: host) ?? []
            var open = (source?.open ?? []) + guests.filter(\.isOfClient).map { $0.key.id.text }
            var counted = open
            for id in ends {
                if let index = counted.firstIndex(where: { $0.isExactly(id) }) {
                    counted.remove(at: index)
                } else if id == nil || !open.contains(where: { $0.isExactly(id) }) {
                    open.append(id)
                }
            }
            state.lost = (state.lost + open.compactMap(\.self)).suffix(SessionRecord.maxOpen)
            return (open, (source?.work ?? []) + guests.map(\.key), state.isText ? .text : .json)
        }
    }

    /// Whether a message has ended with a host, so that nothing more is to come of it from there.
    func hasLost(_ id: String) -> Bool { state.withLock { $0.lost.contains { $0.isExactly(id) } } }

    /// What other hosts work on, which nobody hears of any more.
    func loseAll() -> [String?] {
        state.withLock { state in
            defer { (state.sources, state.guests) = ([:], [:]) }
            return state.elsewhere
        }
    }
}

extension SharedSession.State {
    /// All messages without an answer.
    var all: [String?] {
        Array((open.values.flatMap(\.self) + elsewhere).prefix(SessionRecord.maxOpen))
    }

    /// Those that other hosts work on.
    fileprivate var elsewhere: [String?] {
        sources.values.flatMap(\.open) + guests.values.flatMap { $0.filter(\.isOfClient).map { $0.key.id.text } }
    }
}
