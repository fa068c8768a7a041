/// What is kept of clients beyond their connections, looked up when somebody asks.
enum KeptMetrics {
    static func write(_ kept: Kept, to text: inout PrometheusText) {
        func add(_ metric: HostMetric, _ value: (KeptBudget.Kind) -> Int) {
            text.begin(metric)
            for kind in KeptBudget.Kind.allCases {
                text.add(PrometheusText.labels([("kind", kind.rawValue)]), Double(value(kind)))
            }
        }
        add(.keptBytes) { kept.budget.state(of: $0).bytes }
        add(.keptDropped) { kept.budget.state(of: $0).dropped }
    }
}
