import Glibc

/// Notices that files have changed, by looking twice a second: editors put a new file in the place of the old one, so
/// that the old one never changes.
struct FileWatch {
    private struct Stamp: Equatable {
        var file: UInt64 = 0
        var size: Int64 = -1
        var seconds = 0
        var nanoseconds = 0
    }

    private static let interval: Duration = .milliseconds(500)

    let paths: [String]

    /// Calls back after each change, once it is over, until the task is cancelled.
    func run(_ changed: () async -> Void) async {
        var known = stamps
        var seen = known
        while (try? await Task.sleep(for: FileWatch.interval)) != nil {
            let now = stamps
            defer { seen = now }
            // A file that is just being written looks different the next time.
            guard now != known, now == seen else { continue }
            known = now
            await changed()
        }
    }

    private var stamps: [Stamp] {
        paths.map { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return Stamp() }
            return Stamp(
                file: UInt64(status.st_ino), size: Int64(status.st_size), seconds: status.st_mtim.tv_sec,
                nanoseconds: status.st_mtim.tv_nsec)
        }
    }
}
