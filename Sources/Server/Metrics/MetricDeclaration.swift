package import Pipeline

/// A metric as the code declares it. What `/metrics` says of it, the board and the alerts are made from this.
package struct MetricDeclaration {
    package let name: String
    package let kind: MetricKind
    /// The names of its labels.
    package let labels: [String]
    /// What it says, in one sentence.
    package let help: String
    /// Which metric it is.
    package let source: Source

    package enum Source {
        case engine(EngineMetric)
        case host(HostMetric)
    }

    init(_ metric: EngineMetric) {
        (name, kind, labels) = (metric.rawValue, metric.kind, metric.labels)
        (help, source) = (metric.help, .engine(metric))
    }

    init(_ metric: HostMetric) {
        (name, kind, labels) = (metric.rawValue, metric.kind, metric.labels)
        (help, source) = (metric.help, .host(metric))
    }

    /// The one of that name; `nil` for metrics of a stage's own.
    static func named(_ name: String) -> MetricDeclaration? {
        EngineMetric(rawValue: name).map(MetricDeclaration.init)
            ?? HostMetric(rawValue: name).map(MetricDeclaration.init)
    }

    /// Every metric that a host may show, by name.
    package static var all: [MetricDeclaration] {
        (EngineMetric.allCases.map(MetricDeclaration.init) + HostMetric.allCases.map(MetricDeclaration.init))
            .sorted { $0.name < $1.name }
    }
}
