import Synchronization

/// The pipelines whose sessions are shared, by their index.
final class SharedPipelines: Sendable {
    private let sessions = Mutex<[Int: SharedSessions]>([:])

    /// Those of a pipeline; `nil` where its sessions are this host's alone.
    subscript(_ pipeline: ServedPipeline) -> SharedSessions? {
        pipeline.shared == nil ? nil : sessions.withLock { $0[pipeline.index] }
    }

    /// All that there are.
    var all: [SharedSessions] { sessions.withLock { Array($0.values) } }

    func set(_ shared: SharedSessions, for index: Int) { sessions.withLock { $0[index] = shared } }
}
