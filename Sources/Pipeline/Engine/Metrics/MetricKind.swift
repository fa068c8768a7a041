/// What a metric's values mean, in Prometheus' words.
package enum MetricKind: String, Sendable {
    /// It only rises.
    case counter
    /// It rises and falls.
    case gauge
    /// How often something took how long.
    case histogram
    /// How many values there were, and what they come to.
    case summary
}
