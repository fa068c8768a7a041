import Pipeline

/// The check of the path that an entry stage has: one of another package may not have looked at it.
enum EntryPaths {
    /// The same file; a path that the host can't serve is an error.
    static func check(_ pipeline: LoadedPipeline) -> LoadedPipeline {
        guard let file = pipeline.file, let source = pipeline.source,
            let entry = file.chain.stages.first as? any EntryStage, let problem = EntryPath.problem(entry.path)
        else { return pipeline }
        var found = Diagnostics(source: source)
        found.error(
            .badValue, at: file.chain.entryPlace ?? SourceRange(at: .start),
            "the path of stage '\(file.chain.labels[0])' \(problem)")
        return pipeline.adding(found)
    }
}
