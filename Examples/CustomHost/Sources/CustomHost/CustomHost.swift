import Host

/// Every command of `stagecoach`, with `shout` beside the built-in stages and `parrot` beside the built-in models.
@main struct CustomHost: StagecoachHost {
    static let stages: [any Stage.Type] = [Shout.self]
    static let resources: [any Resource.Type] = [Parrot.self]
}
