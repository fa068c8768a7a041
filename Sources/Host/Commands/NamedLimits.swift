import Pipeline
import Server

/// Limits that count by names which clients choose: without authentication each new name has a limit of its own.
enum NamedLimits {
    /// The same files, with a warning at each such limit.
    static func check(_ loaded: [LoadedPipeline]) -> [LoadedPipeline] {
        let isAuthenticated = loaded.contains { pipeline in
            (pipeline.file?.sections["host"] as? HostSettings)?.isAuthenticated == true
        }
        return isAuthenticated ? loaded : loaded.map(check)
    }

    private static func check(_ pipeline: LoadedPipeline) -> LoadedPipeline {
        guard let file = pipeline.file, let source = pipeline.source else { return pipeline }
        var found = Diagnostics(source: source)
        let chain = file.chain
        for (index, stage) in chain.stages.enumerated() {
            guard let what = (stage as? any NameCountingStage)?.countsByName else { continue }
            // A stage of a used file stands there.
            let range = pipeline.usedSources.isEmpty ? chain.places[index] : chain.entryPlace
            guard let range = range ?? chain.entryPlace else { continue }
            found.warning(
                .unauthenticatedLimit, at: range,
                "\(what) of stage '\(chain.labels[index])' counts by names that clients choose, and each new name has a "
                    + "limit of its own; add 'auth' to 'host', or a limit with 'per: address'")
        }
        return pipeline.adding(found)
    }
}

extension DiagnosticCode {
    /// A limit by names that nobody has authenticated.
    static let unauthenticatedLimit = DiagnosticCode(rawValue: "unauthenticated_limit")
}
