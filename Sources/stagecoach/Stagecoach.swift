import Host

/// The host with the built-in stages alone.
@main struct Stagecoach: StagecoachHost {}
