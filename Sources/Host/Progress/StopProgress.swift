import Pipeline
import Server
import Synchronization

/// Says what a host that was told to stop still waits for: on a terminal in a line that moves, elsewhere in its log.
final class StopProgress: Sendable {
    private let progress = Mutex<Progress?>(nil)
    private let former: Progress?

    /// - Parameter former: What was shown until then.
    init(after former: Progress?) {
        self.former = former
    }

    func update(_ work: AwaitedWork?) {
        guard let work else {
            progress.withLock { $0 }?.end()
            return
        }
        former?.end()
        let progress = progress.withLock { progress in
            let made = progress ?? Progress("stopping", to: .standardError(isLog: true))
            progress = made
            return made
        }
        progress.note(work.words)
        progress.tick(at: .now)
    }
}

extension AwaitedWork {
    /// Without what there is none of.
    var words: String {
        func count(_ number: Int, _ one: String, _ many: String, _ tail: String) -> String? {
            number == 0 ? nil : "\(number) \(number == 1 ? one : many) \(tail)"
        }
        let parts = [
            count(running, "message", "messages", "in a stage"), count(waiting, "message", "messages", "in a queue"),
            count(connections, "connection", "connections", "open"),
        ].compactMap(\.self)
        let limit = Duration.seconds(left.components.seconds).words
        return (parts.isEmpty ? "closing" : parts.joined(separator: ", ")) + "; \(limit) left"
    }
}
