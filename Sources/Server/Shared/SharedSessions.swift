import DequeModule
import Logging
import NIOCore
import Pipeline
import Synchronization

/// The sessions of a pipeline that several hosts share: each is one host's at a time, which keeps what its client missed and
/// knows what was asked. Another to which the client comes asks that one for it.
final class SharedSessions: Sendable {
    /// What this process is called among the hosts.
    static let host = UniqueID.random().description

    /// How long a record stays that nobody writes.
    static let recordAge: Duration = .seconds(7 * 86_400)

    struct State {
        var line: HostLine
        var values: any SharedValues
        var settings: Settings
        /// Sessions that are on their way here.
        var arriving: [String: Task<Void, any Error>] = [:]
        /// Sessions by the number under which they were taken from another host, which may send more for them. One that has
        /// been left since sends it on.
        var taken: [Int: RetainedSession] = [:]
        var takenOrder = Deque<Int>()
        /// What hosts have sent for sessions that they are about to hand over: it may come before what it follows is here.
        var early: [String: [HostMessage]] = [:]
        /// Where sessions were found.
        var homes: [String: String] = [:]
        /// Hosts whose end matters to sessions.
        var watched: [String: [RetainedSession]] = [:]
        /// What another host is to tell, by the number of the question.
        var waiting: [Int: (host: String, tell: @Sendable (RememberedAnswers.Outcome?) -> Void)] = [:]
        /// Sessions whose record could not be written.
        var unwritten: [SharedSession] = []
        var isWatching = false
        var isStopping = false
    }

    /// What the pipeline says.
    struct Settings: Sendable {
        var retention: Duration
        var remember: Duration
        /// How many bytes of frames are kept of a session.
        var limit: Int
    }

    let host: String
    let logger: Logger
    let index: Int
    let name: String
    let sessions: RetainedSessions
    let answers: RememberedAnswers
    let unattended: UnattendedConversations
    let connected: ConnectedConversations
    let state: Mutex<State>

    var line: HostLine { state.withLock(\.line) }
    var values: any SharedValues { state.withLock(\.values) }
    var settings: Settings { state.withLock(\.settings) }

    /// - Parameters:
    ///   - pipeline: Its index, and its name.
    ///   - host: What this host is called; tests have several in one process.
    init(
        _ pipeline: (index: Int, name: String), _ settings: Settings, over link: any SharedLink, kept: Kept,
        connected: ConnectedConversations, logger: Logger, host: String = SharedSessions.host
    ) throws(SharedFailure) {
        (index, name, self.host) = (pipeline.index, pipeline.name, host)
        (sessions, answers, unattended) = (kept.sessions, kept.answers, kept.unattended)
        (self.connected, self.logger) = (connected, logger)
        let silent = HostLine(link, host: host, pipeline: pipeline.name) { _ in }
        let values = SharedSessions.values(of: link, pipeline.name)
        state = Mutex(State(line: silent, values: values, settings: settings))
        try use(link, settings)
    }

    private static func values(of link: any SharedLink, _ pipeline: String) -> any SharedValues {
        link.values("sessions-\(SharedName.escaped(pipeline))", keptFor: recordAge)
    }

    /// Goes on over another link, and with other settings.
    func use(_ link: any SharedLink, _ settings: Settings) throws(SharedFailure) {
        let isSame = state.withLock { state in
            state.settings = settings
            return state.line.link === link && state.line.isListening
        }
        if isSame { return }
        let line = HostLine(link, host: host, pipeline: name) { [weak self] in self?.hear($0) }
        try line.start()
        let former = state.withLock { state in
            defer { (state.line, state.values) = (line, SharedSessions.values(of: link, name)) }
            return state.line
        }
        former.stop()
    }

    /// A new session of this host.
    func session(_ key: SessionKey, userID: String?) -> SharedSession {
        let session = SharedSession(key, userID: userID, in: self)
        session.changed()
        return session
    }

    func sequence(of key: SessionKey) -> Int { sessions.session(key)?.sequence ?? 0 }
}
