import FoundationEssentials

/// Notices that files have changed, by looking twice a second: editors put a new file in the place of the old one, so
/// that the old one never changes.
struct FileWatch {
    private struct Stamp: Equatable {
        var file: Int?
        var size: Int?
        var changed: Date?
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
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            return Stamp(
                file: number(attributes?[.systemFileNumber]), size: number(attributes?[.size]),
                changed: attributes?[.modificationDate] as? Date)
        }
    }

    private func number(_ value: Any?) -> Int? {
        (value as? any BinaryInteger).map { Int(truncatingIfNeeded: $0) }
    }
}
