import Pipeline

/// How the resources of what is served are, looked up when somebody asks.
enum ResourceMetrics {
    static func write(_ pipelines: [ServedPipeline], to text: inout PrometheusText) {
        text.begin(.resourceReady)
        for pipeline in pipelines {
            for (name, health) in pipeline.chain.health {
                let labels = PrometheusText.labels([("pipeline", pipeline.name), ("resource", name)])
                text.add(labels, health.error == nil ? 1 : 0)
            }
        }
    }
}
