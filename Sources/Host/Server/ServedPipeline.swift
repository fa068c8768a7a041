import Pipeline
import Stages

/// A pipeline that the host serves, and where.
struct ServedPipeline: Sendable {
    let name: String
    let entry: Receive
    let chain: Chain
    let meter: MessageMeter

    init(name: String, entry: Receive, chain: Chain) {
        self.name = name
        self.entry = entry
        self.chain = chain
        meter = MessageMeter(pipeline: name)
    }

    var path: String { entry.path }
}

extension ServedPipeline {
    /// `nil` for a chain that no message can enter, which no pipeline file builds.
    init?(_ file: PipelineFile) {
        guard let receive = file.chain.stages.first as? Receive else { return nil }
        self.init(name: file.name, entry: receive, chain: file.chain)
    }
}
