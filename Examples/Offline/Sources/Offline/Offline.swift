import Host
import Stages

/// Every command of `stagecoach`, and a pipeline that is written in Swift: `Offline serve` needs no file.
@main struct Offline: StagecoachHost {
    static var chains: [String: Chain] {
        get throws {
            [
                "offline": try Chain(resources: ["model": Echo()]) {
                    Receive(); Complete(); Respond()
                }
            ]
        }
    }
}
