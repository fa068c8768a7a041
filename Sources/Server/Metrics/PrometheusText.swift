import Pipeline

/// Metrics in Prometheus' text format (version 0.0.4).
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""
    private var name = ""

    /// Begins one of the host's metrics; its values follow.
    mutating func begin(_ metric: HostMetric) {
        begin(metric.rawValue, metric.kind, help: metric.help)
    }

    /// Begins a metric; its values follow.
    mutating func begin(_ name: String, _ kind: MetricKind, help: String?) {
        self.name = name
        if let help {
            text += "# HELP \(name) \(help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n"))\n"
        }
        text += "# TYPE \(name) \(kind.rawValue)\n"
    }

    /// - Parameter labels: As ``labels(_:)`` writes them.
    mutating func add(_ labels: String, _ value: some CustomStringConvertible) {
        add("", labels, value)
    }

    mutating func add(_ labels: String, _ snapshot: DurationHistogram.Snapshot) {
        var total: UInt64 = 0
        for (index, count) in snapshot.counts.enumerated() {
            total += count
            let bounds = DurationHistogram.bounds
            let bound = index < bounds.count ? PrometheusText.seconds(bounds[index]) : "+Inf"
            add("_bucket", PrometheusText.joined(labels, "le=\"\(bound)\""), total)
        }
        add("_sum", labels, PrometheusText.seconds(snapshot.sum))
        add("_count", labels, total)
    }

    mutating func add(_ labels: String, count: UInt64, sum: Double) {
        add("_sum", labels, sum)
        add("_count", labels, count)
    }

    private mutating func add(_ suffix: String, _ labels: String, _ value: some CustomStringConvertible) {
        text += labels.isEmpty ? "\(name)\(suffix) \(value)\n" : "\(name)\(suffix){\(labels)} \(value)\n"
    }

    private static func joined(_ labels: String, _ more: String) -> String {
        labels.isEmpty ? more : "\(labels),\(more)"
    }

    private static func seconds(_ nanoseconds: UInt64) -> String { "\(Double(nanoseconds) / 1e9)" }

    /// Labels in the order in which they are given.
    static func labels(_ labels: [(String, String)]) -> String {
        labels.map { "\(name($0.0))=\"\(escaped($0.1))\"" }.joined(separator: ",")
    }

    /// A name with what the format doesn't allow replaced.
    static func name(_ name: String) -> String {
        var allowed = name
        if !name.utf8.allSatisfy(isAllowed) {
            allowed = String(
                name.unicodeScalars.map { $0.isASCII && isAllowed(UInt8(ascii: $0)) ? Character($0) : "_" })
        }
        return allowed.utf8.first.map(isDigit) == true ? "_\(allowed)" : allowed
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z") || isDigit(byte) || byte == UInt8(ascii: "_")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private static func escaped(_ label: String) -> String {
        // Hardly any needs it, and there are thousands when a pipeline loads.
        guard label.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else { return label }
        return label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
