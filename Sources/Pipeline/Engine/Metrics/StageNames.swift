/// What a stage is called in metrics and traces.
package struct StageNames: Sendable {
    /// The name of its pipeline.
    package let pipeline: String
    /// Its label.
    package let stage: String

    /// The labels of its metrics.
    package var dimensions: [(String, String)] { [("pipeline", pipeline), ("stage", stage)] }
}
