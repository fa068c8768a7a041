import Host

/// Every command of `stagecoach`, with stages and resources of its own beside the built-in ones.
@main struct CustomHost: StagecoachHost {
    static let stages: [any Stage.Type] = [Shout.self, Lines.self, Ask.self, Keep.self]
    static let resources: [any Resource.Type] = [Parrot.self, Phrasebook.self, JSONLines.self]
}
