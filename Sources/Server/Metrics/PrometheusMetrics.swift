package import CoreMetrics
import Pipeline
import Synchronization

/// Keeps the metrics of the process for ``PrometheusText``: what stands behind swift-metrics in `stagecoach serve`.
///
/// Handles for the same name and labels are the same, so that a pipeline which is loaded again goes on counting.
package final class PrometheusMetrics: MetricsFactory {
    fileprivate enum Value {
        case counter(FastCounter)
        case gauge(GaugeValue)
        case histogram(DurationHistogram)
        case summary(SummaryValue)

        var type: MetricKind {
            switch self {
            case .counter: .counter
            case .gauge: .gauge
            case .histogram: .histogram
            case .summary: .summary
            }
        }
    }

    /// By name, then by labels.
    private let families = Mutex<[String: [String: Value]]>([:])

    /// Makes a collection without metrics.
    package init() {}

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let made = FastCounter()
        if case .counter(let known) = keep(.counter(made), label, dimensions) { return known }
        return made
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        let made = SummaryValue()
        if case .summary(let known) = keep(.summary(made), label, dimensions) { return known }
        return made
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        let made = DurationHistogram()
        if case .histogram(let known) = keep(.histogram(made), label, dimensions) { return known }
        return made
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeValue {
        let made = GaugeValue()
        if case .gauge(let known) = keep(.gauge(made), label, dimensions) { return known }
        return made
    }

    /// The value that is known by the name and the labels, or the new one. A name stands for values of one type, so one
    /// that is taken by another type is not shown.
    private func keep(_ value: Value, _ name: String, _ dimensions: [(String, String)]) -> Value {
        let (name, labels) = (PrometheusText.name(name), PrometheusText.labels(dimensions))
        return families.withLock { families in
            var family = families[name] ?? [:]
            if let known = family[labels] { return known }
            if let other = family.values.first, other.type != value.type { return value }
            family[labels] = value
            families[name] = family
            return value
        }
    }

    /// The values as they are now, for who looks single ones up.
    struct Reading {
        fileprivate let families: [String: [String: Value]]

        /// - Parameter labels: As ``PrometheusText/labels(_:)`` writes them.
        func counter(_ name: String, _ labels: String) -> UInt64 {
            if case .counter(let counter)? = families[name]?[labels] { counter.value } else { 0 }
        }

        func gauge(_ name: String) -> Double {
            if case .gauge(let gauge)? = families[name]?[""] { gauge.value } else { 0 }
        }

        func histogram(_ name: String, _ labels: String) -> DurationHistogram.Snapshot? {
            if case .histogram(let histogram)? = families[name]?[labels] { histogram.snapshot } else { nil }
        }

        /// Every counter of a name that is not 0, by its labels.
        func counters(_ name: String) -> [(labels: String, value: UInt64)] {
            (families[name] ?? [:]).compactMap { labels, value in
                guard case .counter(let counter) = value else { return nil }
                let value = counter.value
                return value == 0 ? nil : (labels, value)
            }
        }
    }

    var reading: Reading { Reading(families: families.withLock(\.self)) }

    /// Writes every metric, by name.
    func write(to text: inout PrometheusText) {
        let families = families.withLock(\.self).sorted { $0.key < $1.key }
        for (name, family) in families {
            guard let type = family.values.first?.type else { continue }
            text.begin(name, type, help: MetricDeclaration.named(name)?.help)
            for (labels, value) in family.sorted(by: { $0.key < $1.key }) {
                switch value {
                case .counter(let counter): text.add(labels, counter.value)
                case .gauge(let gauge): text.add(labels, gauge.value)
                case .histogram(let histogram): text.add(labels, histogram.snapshot)
                case .summary(let summary): text.add(labels, count: summary.count, sum: summary.sum)
                }
            }
        }
    }
}
