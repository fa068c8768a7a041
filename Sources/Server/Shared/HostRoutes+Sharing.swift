import Logging
import Pipeline

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
