import Pipeline
import Server

/// What can be chosen above the board.
struct BoardVariable: Encodable {
    private struct Current: Encodable {
        let text = ["All"]
        let value = ["$__all"]
    }

    private let name, label, type, query: String
    // The rest is there for what Prometheus is asked for.
    private var datasource: BoardSource?
    private var refresh: Int?
    private var sort: Int?
    private var multi: Bool?
    private var includeAll: Bool?
    private var allValue: String?
    private var current: Current?

    private init(_ name: String, _ label: String, type: String, _ query: String) {
        (self.name, self.label, self.type, self.query) = (name, label, type, query)
    }

    /// Any number of a label's values.
    private init(_ name: String, _ label: String, of metric: String) {
        self.init(name, label, type: "query", "label_values(\(metric), \(name))")
        datasource = BoardSource()
        // Anew whenever the time changes that is looked at.
        refresh = 2
        sort = 1
        (multi, includeAll, allValue, current) = (true, true, ".*", Current())
    }

    static var all: [BoardVariable] {
        let info = HostMetric.buildInfo.rawValue
        return [
            BoardVariable("datasource", "Data source", type: "datasource", "prometheus"),
            BoardVariable("job", "Job", of: info),
            BoardVariable("instance", "Host", of: "\(info){job=~\"$job\"}"),
            BoardVariable("pipeline", "Pipeline", of: "\(EngineMetric.stageReceived.rawValue){job=~\"$job\"}"),
        ]
    }
}
