import Pipeline

/// Notices that files have changed, by looking twice a second: editors replace the old file by a new one, so
/// that the old one never changes. Of a link the file counts that it leads to, and links on the way there: what Kubernetes
/// mounts changes by one link alone.
struct FileWatch {
    private static let interval: Duration = .milliseconds(500)

    /// Which files there are to watch now.
    let paths: @Sendable () async -> [String]

    /// Calls back after each change, once it is over, until the task is cancelled.
    func run(_ changed: () async -> Void) async {
        var known = await stamps
        var seen = known
        while (try? await Task.sleep(for: FileWatch.interval)) != nil {
            let now = await stamps
            defer { seen = now }
            // A file that is new to the watch was read a moment ago.
            known = now.merging(known.filter { now[$0.key] != nil }) { _, before in before }
            // A file that is just being written looks different the next time.
            guard now != known, now == seen else { continue }
            known = now
            await changed()
        }
    }

    private var stamps: [String: FileStamp?] {
        get async { Dictionary(await paths().map { ($0, FileStamp(path: $0)) }) { first, _ in first } }
    }
}
