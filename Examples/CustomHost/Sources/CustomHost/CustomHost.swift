import Host

/// Every command of `stagecoach`, with `shout` beside the built-in stages.
@main struct CustomHost: StagecoachHost {
    static let stages: [any Stage.Type] = [Shout.self]
}
