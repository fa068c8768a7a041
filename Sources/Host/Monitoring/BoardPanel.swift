import Pipeline
import Server

/// A metric over time, or the name of a row.
struct BoardPanel: Encodable {
    private struct Target: Encodable {
        let refId, expr, legendFormat: String
        let datasource = BoardSource()
    }

    private struct Fields: Encodable {
        struct Defaults: Encodable {
            struct Custom: Encodable {
                let fillOpacity = 10
                let showPoints = "never"
            }

            let unit: String
            let min = 0
            let custom = Custom()
        }

        let defaults: Defaults
        let overrides: [String] = []
    }

    private let id: Int
    private let type, title: String
    private let gridPos: BoardPosition
    private var description: String?
    private var datasource: BoardSource?
    private var targets: [Target]?
    private var fieldConfig: Fields?

    /// The name of a row.
    init(id: Int, row: BoardRow, at position: BoardPosition) {
        (self.id, type, title, gridPos) = (id, "row", row.rawValue, position)
    }

    init(id: Int, metric: MetricDeclaration, at position: BoardPosition) {
        (self.id, type, title, gridPos) = (id, "timeseries", metric.watch.title, position)
        description = "\(metric.help) (\(metric.name))"
        datasource = BoardSource()
        targets = zip(["A", "B"], metric.queries).map { id, query in
            Target(refId: id, expr: query.expression, legendFormat: query.legend)
        }
        fieldConfig = Fields(defaults: .init(unit: metric.unit))
    }
}

extension MetricDeclaration {
    /// What is asked for, and what the lines are called.
    fileprivate var queries: [(expression: String, legend: String)] {
        let groups = labels.isEmpty ? ["instance"] : labels
        let by = groups.joined(separator: ", ")
        let legend = groups.map { "{{\($0)}}" }.joined(separator: " ")
        var filter = #"job=~"$job", instance=~"$instance""#
        if labels.contains("pipeline") { filter += #", pipeline=~"$pipeline""# }
        switch (watch.expression, kind) {
        case (.age, _):
            return [("time() - \(name){\(filter)}", "{{instance}}")]
        case (.usual, .counter):
            // Of codes and reasons those that there are: most never come.
            let some = labels.contains { !["pipeline", "stage"].contains($0) } ? " > 0" : ""
            return [("sum by (\(by)) (rate(\(name){\(filter)}[$__rate_interval]))\(some)", legend)]
        case (.usual, .histogram):
            let buckets = "sum by (le, \(by)) (rate(\(name)_bucket{\(filter)}[$__rate_interval]))"
            return [(0.5, "median"), (0.99, "99th percentile")].map { share, name in
                ("histogram_quantile(\(share), \(buckets))", "\(legend) \(name)")
            }
        case (.usual, .gauge), (.usual, .summary):
            return [("\(name){\(filter)}", labels.isEmpty ? legend : "\(legend) {{instance}}")]
        }
    }

    /// Grafana's name of the unit, which is what the metric's name ends with. Seconds a second are processors.
    fileprivate var unit: String {
        if watch.expression == .age { return "s" }
        if kind == .counter { return name.hasSuffix("_seconds_total") ? "percentunit" : "cps" }
        return name.hasSuffix("_seconds") ? "s" : name.hasSuffix("_bytes") ? "bytes" : "short"
    }
}
