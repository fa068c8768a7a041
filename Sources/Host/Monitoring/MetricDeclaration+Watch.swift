import Server

extension MetricDeclaration {
    /// How operators watch it.
    var watch: MetricWatch {
        switch source {
        case .engine(let metric): metric.watch
        case .host(let metric): metric.watch
        }
    }
}
