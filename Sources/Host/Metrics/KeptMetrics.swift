/// What is kept of clients beyond their connections, looked up when somebody asks.
enum KeptMetrics {
    static func write(_ kept: Kept, to text: inout PrometheusText) {
        func add(_ metric: HostMetric, _ kind: PrometheusText.Kind, _ value: (KeptBudget.Kind) -> Int) {
            text.begin(metric.rawValue, kind, help: metric.help)
            for kind in KeptBudget.Kind.allCases {
                text.add(PrometheusText.labels([("kind", kind.rawValue)]), Double(value(kind)))
            }
        }
        add(.keptBytes, .gauge) { kept.budget.state(of: $0).bytes }
        add(.keptDropped, .counter) { kept.budget.state(of: $0).dropped }
    }
}
