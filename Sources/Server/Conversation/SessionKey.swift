import Pipeline

/// A session of a pipeline.
struct SessionKey: Sendable, Hashable {
    /// The file's index among those that are served.
    let pipeline: Int
    let id: String

    init(_ pipeline: ServedPipeline, _ session: Session) {
        (self.pipeline, id) = (pipeline.index, session.id)
    }
}
