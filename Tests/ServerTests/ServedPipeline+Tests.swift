import Pipeline
import Resources
import Stages

@testable import Server

extension ServedPipeline {
    /// `receive`, `complete` and `respond`, answered by a model that echoes where no other is given.
    static func forTests(
        with resources: KeyValuePairs<String, any Resource> = ["model": Echo()],
        onDisconnect: OnDisconnect = .cancel
    ) throws -> ServedPipeline {
        let chain = try Chain(resources: resources) {
            Receive()
            Complete()
            Respond()
        }
        var entry = Receive(path: "/ws")
        entry.onDisconnect = onDisconnect
        return ServedPipeline(name: "test", entry: entry, chain: chain)
    }
}
