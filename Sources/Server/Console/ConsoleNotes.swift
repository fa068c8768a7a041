import Pipeline

/// What is wrong with a host that runs, or slow in it, in sentences.
struct ConsoleNotes {
    /// How far back the figures go.
    let seconds: Double
    private var lines: [String] = []
    private var slowest: (label: String, p50: Double, p99: Double)?

    /// Quicker than this nobody calls a stage slow.
    private static let slow = 0.1

    init(seconds: Double) { self.seconds = seconds }

    /// The sentences, those about what is broken first.
    var all: [String] {
        guard let slowest, slowest.p99 >= ConsoleNotes.slow else { return lines }
        let (p50, p99) = (ConsoleNumber.words(seconds: slowest.p50), ConsoleNumber.words(seconds: slowest.p99))
        return lines + ["'\(slowest.label)' is the slowest stage: p50 \(p50), p99 \(p99)"]
    }

    mutating func add(_ resource: (name: String, health: Health, standIns: [String]?), of pipeline: String) {
        guard let error = resource.health.error else { return }
        let instead = resource.standIns.map { "; in its place: \($0.joined(separator: ", "))" } ?? ""
        lines.append("\(pipeline): '\(resource.name)' can't be used: \(error.message)\(instead)")
    }

    mutating func add(
        _ step: StepRunner, _ counts: ConsoleSample.StageCounts, _ figures: StageFigures, _ queue: QueueStatus?
    ) {
        let over = ConsoleNumber.words(seconds: seconds)
        if let queue, let age = queue.age, age >= 1 {
            let count = queue.depth.messages
            let what =
                step.stage.stores
                ? (count == 1 ? "row waits" : "rows wait") : (count == 1 ? "message waits" : "messages wait")
            lines.append(
                "\(count) \(what) for '\(step.label)', the oldest for \(ConsoleNumber.words(seconds: age))")
        }
        for (code, count) in figures.errors.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).prefix(2) {
            lines.append(
                "'\(step.label)' failed \(count == 1 ? "once" : "\(count) times") in the last \(over): \(code)")
        }
        // What holds others takes as long as they do.
        guard step.composite == nil else { return }
        if queue == nil, counts.inside > 0, figures.ended == 0, seconds >= 2 {
            let what = counts.inside == 1 ? "message is" : "messages are"
            lines.append("\(counts.inside) \(what) in '\(step.label)', and none has left it in the last \(over)")
        }
        if let p50 = figures.p50, let p99 = figures.p99, p99 > slowest?.p99 ?? 0 {
            slowest = (step.label, p50, p99)
        }
    }
}
