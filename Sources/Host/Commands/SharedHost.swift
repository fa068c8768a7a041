import Pipeline
import Server

/// Files that one host serves together must not claim the same thing twice.
enum SharedHost {
    /// The same files; one that claims what an earlier one has gets an error where it does.
    static func check(_ loaded: [LoadedPipeline]) -> [LoadedPipeline] {
        var paths: [String: String] = [:]
        var names: [String: String] = [:]
        var hostSection: String?
        return loaded.map { pipeline in
            guard let file = pipeline.file, let source = pipeline.source else { return pipeline }
            var problems = Diagnostics(source: source)
            if let served = ServedPipeline(file) {
                let range = file.chain.entryPlace ?? SourceRange(at: .start)
                if let other = paths.updateValue(file.path, forKey: served.path) {
                    problems.error(.clash, at: range, "the path '\(served.path)' is taken by \(other)")
                }
                if let other = names.updateValue(file.path, forKey: file.name) {
                    problems.error(.clash, at: range, "the name '\(file.name)' is taken by \(other)")
                }
            }
            if file.sections["host"] != nil {
                if let other = hostSection, let range = file.sectionPlaces["host"] {
                    problems.error(.clash, at: range, "only one file may have a 'host' section; \(other) has one")
                }
                hostSection = file.path
            }
            return pipeline.adding(problems)
        }
    }
}
