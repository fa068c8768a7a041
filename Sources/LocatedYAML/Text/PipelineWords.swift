/// Words of pipeline files that the reader must know to tell what was meant where the file is none yet.
package enum PipelineWords {
    /// The keys that may stand beside every stage.
    package static let modifiers = ["label", "async", "timeout", "retry", "when", "on_error"]

    /// What every message has, by the names in templates and conditions.
    package static let fields = ["prompt", "completion", "session.id", "session.username", "session.user_id"]
}
