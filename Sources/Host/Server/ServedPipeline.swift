import Pipeline
import Stages

/// A pipeline that the host serves, and where.
struct ServedPipeline: Sendable {
    let name: String
    let path: String
    let format: MessageFormat
    let chain: Chain
}

extension ServedPipeline {
    /// `nil` for a chain that no message can enter, which no pipeline file builds.
    init?(_ file: PipelineFile) {
        guard let receive = file.chain.stages.first as? Receive else { return nil }
        self.init(name: file.name, path: receive.path, format: receive.format, chain: file.chain)
    }
}
