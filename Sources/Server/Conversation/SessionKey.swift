import Pipeline

/// A session of a pipeline.
struct SessionKey: Sendable, Hashable {
    /// The file's index among those that are served.
    let pipeline: Int
    let id: String

    init(_ pipeline: ServedPipeline, _ session: Session) {
        self.init(pipeline.index, session.id)
    }

    init(_ pipeline: Int, _ id: String) {
        (self.pipeline, self.id) = (pipeline, id)
    }
}
