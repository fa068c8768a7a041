import Foundation
import Pipeline

/// Where spans go, by OpenTelemetry's environment variables
/// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
struct OTLPSettings: Sendable {
    let url: WebURL
    let headers: [(name: String, value: Secret)]
    let timeout: Duration
    /// How long spans wait for others.
    let delay: Duration
    /// How many spans may wait.
    let capacity: Int
    /// The share of traces that are kept, of those that begin here.
    let ratio: Double
    let resource: [(String, String)]

    /// - Returns: `nil` where nothing is to be sent.
    /// - Throws: ``ServeError`` for a value that can't be used.
    init?(environment: [String: String]) throws(ServeError) {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func own(_ name: String) -> String? {
            value("OTEL_EXPORTER_OTLP_TRACES_\(name)") ?? value("OTEL_EXPORTER_OTLP_\(name)")
        }

        let isOff = value("OTEL_SDK_DISABLED")?.lowercased() == "true" || value("OTEL_TRACES_EXPORTER") == "none"
        let endpoint =
            value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            ?? value("OTEL_EXPORTER_OTLP_ENDPOINT").map {
                ($0.hasSuffix("/") ? String($0.dropLast()) : $0) + "/v1/traces"
            }
        guard !isOff, let endpoint else { return nil }
        guard let url = WebURL(endpoint) else {
            throw ServeError(
                description: "OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// address without a password; "
                    + "keys belong in OTEL_EXPORTER_OTLP_HEADERS")
        }
        self.url = url
        headers = OTLPSettings.pairs(own("HEADERS")).map { ($0.0, Secret($0.1)) }
        timeout = .milliseconds(own("TIMEOUT").flatMap { Int($0) } ?? 10_000)
        delay = .milliseconds(max(10, value("OTEL_BSP_SCHEDULE_DELAY").flatMap { Int($0) } ?? 5_000))
        capacity = max(1, value("OTEL_BSP_MAX_QUEUE_SIZE").flatMap { Int($0) } ?? 2_048)
        let sampler = value("OTEL_TRACES_SAMPLER") ?? ""
        let share = value("OTEL_TRACES_SAMPLER_ARG").flatMap { Double($0) } ?? 1
        ratio = sampler.hasSuffix("always_off") ? 0 : sampler.hasSuffix("traceidratio") ? min(max(share, 0), 1) : 1
        let attributes = OTLPSettings.pairs(value("OTEL_RESOURCE_ATTRIBUTES"))
        let named = attributes.first { $0.0 == "service.name" }?.1
        resource =
            [("service.name", value("OTEL_SERVICE_NAME") ?? named ?? "stagecoach")]
            + attributes.filter { $0.0 != "service.name" }
    }

    /// `key=value,key=value`, the values percent-encoded.
    private static func pairs(_ text: String?) -> [(String, String)] {
        (text ?? "").split(separator: ",").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard parts.count == 2, !parts[0].isEmpty else { return nil }
            return (parts[0], parts[1].removingPercentEncoding ?? parts[1])
        }
    }
}
