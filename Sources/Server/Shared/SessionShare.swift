import Logging
import Pipeline
import Synchronization

/// A conversation's part in a shared session.
struct SessionShare {
    let sessions: SharedSessions
    /// The session, where this host has had it when the conversation began.
    let session: SharedSession?
    let comer: SharedSessions.Comer

    /// Looks for a message's answer.
    ///
    /// - Returns: What is known here; and whether another host has the session, so that it is to be asked about what is new.
    func begin(
        _ key: RememberedAnswers.Key, _ look: () -> RememberedAnswers.Finding
    ) -> (finding: RememberedAnswers.Finding, isAway: Bool) {
        if let finding = session?.begin(key, look) { return (finding, false) }
        return (look(), true)
    }
}

/// The pipelines whose sessions are shared, by their index.
final class SharedPipelines: Sendable {
    private let sessions = Mutex<[Int: SharedSessions]>([:])

    /// Those of a pipeline; `nil` where its sessions are this host's alone.
    subscript(_ pipeline: ServedPipeline) -> SharedSessions? {
        pipeline.shared == nil ? nil : sessions.withLock { $0[pipeline.index] }
    }

    /// All that there are.
    var all: [SharedSessions] { sessions.withLock { Array($0.values) } }

    func set(_ shared: SharedSessions, for index: Int) { sessions.withLock { $0[index] = shared } }
}

extension HostRoutes {
    /// Shares the sessions of those pipelines that say so. Called once they are open.
    ///
    /// - Parameter limit: How many bytes of frames are kept of a session.
    /// - Throws: ``SharedFailure`` where other hosts can't be listened to.
    func share(limit: Int, logger: Logger) throws(SharedFailure) {
        for pipeline in pipelines {
            guard let link = pipeline.shared?.link, let retention = pipeline.retention else { continue }
            let settings = SharedSessions.Settings(
                retention: retention, remember: pipeline.entry.remember.time, limit: limit)
            if let shared = kept.shared[pipeline] {
                try shared.use(link, settings)
            } else {
                kept.shared.set(
                    try SharedSessions(
                        (pipeline.index, pipeline.name), settings, over: link, kept: kept, connected: connected,
                        logger: logger),
                    for: pipeline.index)
            }
        }
    }
}
