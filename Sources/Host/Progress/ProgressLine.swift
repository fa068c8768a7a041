import Pipeline

/// How far something is, as one line.
struct ProgressLine: Sendable, Equatable {
    /// What is done, such as `replaying`.
    var title: String
    /// How many of how many; `nil` where that is not known.
    var count: Count?
    /// What is at work, or has failed.
    var note = ""

    struct Count: Sendable, Equatable {
        var done: Int
        var all: Int
    }

    private static let wheel = Array("|/-\\")

    /// Without anything that changes by itself.
    var plain: String {
        let parts = [count.map { "\($0.done) of \($0.all)" }, note.isEmpty ? nil : note].compactMap(\.self)
        return PrintableText.escaped(parts.isEmpty ? title : "\(title): \(parts.joined(separator: ", "))")
    }

    /// As it stands on a terminal, never wider than that: a line that is would stay behind.
    ///
    /// - Parameters:
    ///   - tick: A number that grows.
    ///   - elapsed: Since it was begun.
    ///   - columns: How many the terminal has.
    func moving(tick: Int, elapsed: Duration, columns: Int) -> String {
        let seconds = elapsed.components.seconds
        let tail = seconds > 0 ? ", \(Duration.seconds(seconds).words)" : ""
        let head = "\(ProgressLine.wheel[tick % ProgressLine.wheel.count]) "
        let room = columns - 1 - head.count - tail.count
        return room < 8
            ? TerminalText.cut(head + plain, to: max(0, columns - 1)) : head + TerminalText.cut(plain, to: room) + tail
    }
}

extension Duration {
    /// As people say it, to the millisecond below a second and to the second from there on.
    var roundedWords: String {
        self < .seconds(1)
            ? Duration.milliseconds(Int64(self / .milliseconds(1))).words : Duration.seconds(components.seconds).words
    }
}
