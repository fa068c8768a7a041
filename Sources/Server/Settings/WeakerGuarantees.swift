import Logging
import Pipeline
import PipelineCatalog

/// What a reload says of guarantees that are weaker than they were.
enum WeakerGuarantees {
    /// Writes a warning for each.
    ///
    /// - Parameters:
    ///   - old: The files that were served.
    ///   - new: The files that are served now.
    ///   - host: The host's settings as they held before, and as they hold now.
    static func log(
        from old: [PipelineFile], to new: [PipelineFile], host: (before: HostSettings, now: HostSettings),
        _ logger: Logger
    ) {
        let comparison = GuaranteeComparison(of: old, with: new, host: host)
        for change in comparison.changes(.weaker) {
            var metadata: Logger.Metadata = [
                "part": "\(change.parts.joined(separator: ", "))", "topic": "\(change.topic)",
                "before": "\(change.before)", "now": "\(change.now)",
            ]
            metadata["pipeline"] = change.pipeline.map { "\($0)" }
            logger.warning(
                "A guarantee got weaker: \(change.title): \(change.before) → \(change.now)", metadata: metadata)
        }
    }
}
