/// Messages that did not come to their end before the host stopped, and where they were.
struct Losses: Error, CustomStringConvertible {
    /// Messages that no stage had seen.
    var unbegun = 0
    /// Messages that were in a stage.
    var unfinished = 0
    /// Messages that waited in memory for a stage, which is named.
    private(set) var waiting: [String: Int] = [:]

    var isEmpty: Bool { unbegun == 0 && unfinished == 0 && waiting.isEmpty }

    /// Notes what ``Pipeline/Chain/close(within:)`` says is lost of a pipeline.
    mutating func add(_ lost: [String: Int], of pipeline: String) {
        for (label, count) in lost { waiting["'\(label)' of pipeline \(pipeline)", default: 0] += count }
    }

    var description: String {
        var parts = waiting.sorted { $0.key < $1.key }.map { "\($0.value) waited for \($0.key)" }
        if unfinished > 0 { parts.insert("\(unfinished) in a stage", at: 0) }
        if unbegun > 0 { parts.insert("\(unbegun) not begun", at: 0) }
        let count = unbegun + unfinished + waiting.values.reduce(0, +)
        return "the time to stop ran out and \(count) \(count == 1 ? "message was" : "messages were") lost: "
            + parts.joined(separator: ", ")
    }
}
