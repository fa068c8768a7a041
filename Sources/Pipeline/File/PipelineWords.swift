/// Words that every pipeline file may have.
package enum PipelineWords {
    /// The keys that may stand beside every stage.
    package static let modifiers = ["label", "async", "timeout", "retry", "when", "on_error"]

    /// What every message has, by the names in templates and conditions.
    package static let fields = ["prompt", "completion", "session.id", "session.username", "session.user_id"]

    /// What the reader of YAML must know to tell what was meant where the file is none yet.
    package static let format = FormatWords(besideEntries: modifiers, fields: fields)
}
