/// What a process writes on standard error, as lines for the log: of a readable length, and not more than a log bears.
struct ErrorLines {
    private static let longest = 4_096
    private static let mostPerSecond = 100

    private var lines = LineBuffer()
    private var second: UInt64 = 0
    private var count = 0

    /// Adds bytes and hands on the lines.
    mutating func append(_ bytes: UnsafeRawBufferPointer, now: UInt64, log: (String) -> Void) {
        var whole: [String] = []
        lines.append(bytes) { whole.append(ErrorLines.text($0)) }
        if lines.count > ErrorLines.longest { lines.takeRest { whole.append(ErrorLines.text($0)) } }
        for line in whole { pass(line, now: now, log: log) }
    }

    /// Hands on what came last, without an end of its line.
    mutating func finish(now: UInt64, log: (String) -> Void) {
        var rest: String?
        lines.takeRest { rest = ErrorLines.text($0) }
        if let rest { pass(rest, now: now, log: log) }
    }

    private mutating func pass(_ line: String, now: UInt64, log: (String) -> Void) {
        if line.isEmpty { return }
        if now / 1_000_000_000 != second {
            if count > ErrorLines.mostPerSecond { log("\(count - ErrorLines.mostPerSecond) lines were left out") }
            (second, count) = (now / 1_000_000_000, 0)
        }
        count += 1
        if count <= ErrorLines.mostPerSecond { log(line) }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(longest), as: UTF8.self) + (bytes.count > longest ? "…" : "")
    }
}
