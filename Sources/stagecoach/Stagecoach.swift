import Host

/// The host with the built-in stages alone.
@main struct Stagecoach: StagecoachHost {
    static var commit: String { commitOfBuild }
}
