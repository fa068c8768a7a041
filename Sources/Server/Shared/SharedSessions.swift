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

    /// How long a record stays that nobody writes, beyond the time for which a session is kept.
    static let recordAge: Duration = .seconds(2 * 3_600)
    /// After how long it is written again.
    private static let refreshing: Duration = .seconds(3_600)
    /// How many bytes the records of a pipeline may take, and what hosts that have stopped have left: past that those go first
    /// that were written first.
    static let maxBytes = 256 << 20

    struct State {
        var values: any SharedValues
        /// What hosts that have stopped have left of sessions.
        var left: any SharedValues
        var settings: Settings
        /// Sessions that are on their way here.
        var arriving: [String: (arrival: Arrival, task: Task<Void, any Error>)] = [:]
        /// Sessions by the number under which they were taken from another host, which may send more for them. One that has
        /// been left since sends it on.
        var taken: [Int: RetainedSession] = [:]
        var takenOrder = Deque<Int>()
        /// How many of those are looked through next for what nothing more comes for.
        var takenLimit: Int
        /// What hosts have said for sessions that they are about to hand over.
        var early: [String: EarlyMessages] = [:]
        /// Where sessions were found.
        var homes: [String: String] = [:]
        /// Hosts whose end matters to sessions.
        var watched: [String: [RetainedSession]] = [:]
        /// What another host is to tell, by the number of the question.
        var waiting: [Int: (host: String, tell: @Sendable (RememberedAnswers.Outcome?) -> Void)] = [:]
        /// Sessions whose record could not be written.
        var unwritten: [SharedSession] = []
        /// What was to be left where another host has just taken it, until that asks for it.
        var unwanted: [String: (userID: String?, handed: HandedSession)] = [:]
        var isWatching = false
        var isStopping = false
    }

    /// How much is kept of other hosts' sessions.
    struct Bounds: Sendable {
        /// Sessions that are known by the number under which they came: past that, work for those that came first has ended.
        var taken = 10_000
        /// Sessions that are known to be at another host.
        var homes = 10_000
        /// What is said for sessions on their way, in bytes.
        var moving = 64 << 20
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
    let patience: HostPatience
    let line: HostLine
    let bounds: Bounds
    let room: MovingRoom
    let state: Mutex<State>

    var values: any SharedValues { state.withLock(\.values) }
    var settings: Settings { state.withLock(\.settings) }

    /// - Parameters:
    ///   - pipeline: Its index, and its name.
    ///   - host: What this host is called; tests have several in one process.
    init(
        _ pipeline: (index: Int, name: String), _ settings: Settings, over link: any SharedLink, kept: Kept,
        connected: ConnectedConversations, logger: Logger, host: String = SharedSessions.host,
        patience: HostPatience = HostPatience(), bounds: Bounds = Bounds()
    ) throws(SharedFailure) {
        (index, name, self.host) = (pipeline.index, pipeline.name, host)
        (sessions, answers, unattended) = (kept.sessions, kept.answers, kept.unattended)
        (self.connected, self.logger, self.patience) = (connected, logger, patience)
        (self.bounds, room) = (bounds, MovingRoom(limit: bounds.moving))
        let (values, left) = SharedSessions.values(of: link, pipeline.name, settings)
        state = Mutex(
            State(values: values, left: left, settings: settings, takenLimit: min(1_024, bounds.taken)))
        let hearing = Hearing()
        line = HostLine(
            link, host: host, pipeline: pipeline.name, patience: patience,
            hasLost: { hearing.sessions?.hasDied($0) }, receive: { hearing.sessions?.hear($0) })
        hearing.sessions = self
        try line.use(link)
        Task { [weak self] in
            while true {
                try? await Task.sleep(for: .seconds(60))
                guard let self, !self.state.withLock(\.isStopping) else { return }
                self.refresh()
            }
        }
    }

    /// - Returns: The records, and what hosts that have stopped have left.
    private static func values(
        of link: any SharedLink, _ pipeline: String, _ settings: Settings
    ) -> (any SharedValues, any SharedValues) {
        let name = SharedName.escaped(pipeline)
        let records = link.values(
            "sessions-\(name)", keptFor: settings.retention + recordAge, upTo: SharedSessions.maxBytes)
        // A clock of another host may be behind.
        let left = link.values(
            "left-\(name)", keptFor: settings.retention + .seconds(60), upTo: SharedSessions.maxBytes)
        return (records, left)
    }

    /// Goes on over another link, and with other settings. What is under way between the hosts goes on.
    func use(_ link: any SharedLink, _ settings: Settings) throws(SharedFailure) {
        let isSame = line.link === link && self.settings.retention == settings.retention
        let (values, left) = SharedSessions.values(of: link, name, settings)
        state.withLock { state in
            state.settings = settings
            if !isSame { (state.values, state.left) = (values, left) }
        }
        try line.use(link)
    }

    /// Writes records again before they are too old: NATS drops those that nobody writes.
    private func refresh() {
        for (_, session) in sessions.sessions(ofPipeline: index) {
            session.shared?.refresh(after: Self.refreshing)
        }
    }

    /// A new session of this host.
    func session(_ key: SessionKey, userID: String?) -> SharedSession {
        let session = SharedSession(key, userID: userID, in: self)
        session.changed()
        return session
    }

    func sequence(of key: SessionKey) -> Int { sessions.session(key)?.sequence ?? 0 }
}

/// Whose sessions a line hears of: the line is made before they are whole.
private final class Hearing: Sendable {
    private let state = Mutex(State())

    private struct State { weak var sessions: SharedSessions? }

    var sessions: SharedSessions? {
        get { state.withLock(\.sessions) }
        set { state.withLock { $0.sessions = newValue } }
    }
}
