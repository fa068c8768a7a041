import Pipeline

/// The samples of the last seconds, and the last ten minutes as points, of which each stands for five seconds. While nobody
/// looks no sample is taken: what was counted meanwhile is one point, as long as that was.
struct ConsoleWindow: Sendable {
    /// How far back rates and percentiles look.
    private static let width = Duration.seconds(10)
    private static let pointWidth = Duration.seconds(5)
    private static let longest = Duration.seconds(600)

    /// Those within the window, the last of them always.
    private var samples: [ConsoleSample]
    /// Where the point begins that is to come.
    private var pointStart: ConsoleSample
    private var points: [(time: ContinuousClock.Instant, text: String)] = []

    /// Begins when the host does.
    init(at time: ContinuousClock.Instant) {
        pointStart = ConsoleSample(before: time)
        samples = [pointStart]
    }

    /// The points, the oldest first, each as JSON.
    var history: [String] { points.map(\.text) }

    /// Takes a sample.
    ///
    /// - Returns: The sample to compare it with; and a new point as JSON, where one is due.
    mutating func add(_ sample: ConsoleSample) -> (base: ConsoleSample, point: String?) {
        let recent = samples.filter { sample.time - $0.time <= ConsoleWindow.width }
        let base = recent.first ?? samples.last ?? pointStart
        samples = recent + [sample]
        guard sample.time - pointStart.time >= ConsoleWindow.pointWidth else { return (base, nil) }
        let point = ConsolePoint.text(from: pointStart, to: sample)
        pointStart = sample
        points.removeAll { sample.time - $0.time > ConsoleWindow.longest }
        points.append((sample.time, point))
        return (base, point)
    }
}

/// A point of the lines.
enum ConsolePoint {
    /// `{"type":"point","time":…,"over":…,"stages":{PIPELINE:{LABEL:[rate,p50,p99,errors,queued]}}}`
    static func text(from before: ConsoleSample, to now: ConsoleSample) -> String {
        let seconds = (now.time - before.time) / .seconds(1)
        var pipelines: [String: JSONMembers] = [:]
        for (key, counts) in now.stages.sorted(by: { $0.key.label < $1.key.label }) {
            let figures = StageFigures(from: before.stages[key], to: counts, in: seconds)
            let errors = Double(figures.errors.values.reduce(0, +)) / max(seconds, 0.001)
            let queued = now.queues[key].map { Double($0.depth.messages) }
            let values = [
                ConsoleNumber.text(figures.rate), ConsoleNumber.text(figures.p50, digits: 1e6),
                ConsoleNumber.text(figures.p99, digits: 1e6), ConsoleNumber.text(errors), ConsoleNumber.text(queued),
            ]
            pipelines[key.pipeline, default: JSONMembers()].add(key.label, raw: "[\(values.joined(separator: ","))]")
        }
        var stages = JSONMembers()
        for (name, labels) in pipelines.sorted(by: { $0.key < $1.key }) { stages.add(name, raw: labels.text) }
        var point = JSONMembers(type: "point")
        point.add("time", .string(Timestamp.now.description))
        point.add("over", raw: ConsoleNumber.text(seconds))
        point.add("stages", raw: stages.text)
        return point.text
    }
}
