import CoreMetrics
import HTTPClient
import Logging
import Pipeline
import Tracing

/// Sends spans to a collector by HTTP, in the background.
package final class OTLPExporter: Sendable {
    /// How often a batch is sent where the collector can't take it now.
    private static let attempts = 3

    private let settings: OTLPSettings
    private let buffer: SpanBuffer
    private let logger: Logger
    private let client = HTTPClient()
    private let exported: any CounterHandler
    private let dropped: any CounterHandler

    init(
        _ settings: OTLPSettings, _ buffer: SpanBuffer, logger: Logger,
        factory: any MetricsFactory = MetricsSystem.factory
    ) {
        self.settings = settings
        self.buffer = buffer
        self.logger = logger
        exported = factory.makeCounter(label: HostMetric.spansExported.rawValue, dimensions: [])
        dropped = factory.makeCounter(label: HostMetric.spansDropped.rawValue, dimensions: [("reason", "export")])
    }

    /// Has the traces of this process sent to where OpenTelemetry's environment variables say.
    ///
    /// - Returns: What sends them once ``run()`` is called; `nil` where nothing is to be sent.
    /// - Throws: ``ServeError`` for a value that can't be used.
    package static func bootstrap(environment: [String: String]) throws(ServeError) -> OTLPExporter? {
        guard let settings = try OTLPSettings(environment: environment) else { return nil }
        let buffer = SpanBuffer(capacity: settings.capacity)
        InstrumentationSystem.bootstrap(OTLPTracer(buffer: buffer, ratio: settings.ratio))
        return OTLPExporter(settings, buffer, logger: Logger(label: "stagecoach"))
    }

    /// Sends what has ended, a batch as soon as it is full and the rest after a while, until the buffer is finished.
    func run() async {
        let clock = Task { [buffer, delay = settings.delay] in
            while !Task.isCancelled {
                try await Task.sleep(for: delay)
                buffer.wake()
            }
        }
        var isFailing = false
        for await _ in buffer.wakes {
            while case let batch = buffer.take(), !batch.isEmpty {
                let problem = await send(batch)
                // Once for each outage: a collector that is down must not fill the log.
                if let problem, !isFailing {
                    logger.warning(
                        "Spans can't be sent; they are dropped until it works again", metadata: ["detail": "\(problem)"]
                    )
                } else if problem == nil, isFailing {
                    logger.notice("Spans can be sent again")
                }
                isFailing = problem != nil
            }
        }
        clock.cancel()
        while case let batch = buffer.take(), !batch.isEmpty, !isFailing { isFailing = await send(batch) != nil }
        await client.shutdown()
    }

    /// Sends what is left, but no longer than a few seconds, and than a stop may take.
    func finish(_ running: Task<Void, Never>?, until deadline: ContinuousClock.Instant) async {
        buffer.finish()
        let limit = min(.seconds(3), max(.milliseconds(100), deadline - .now))
        let timer = Task {
            try await Task.sleep(for: limit)
            running?.cancel()
        }
        await running?.value
        timer.cancel()
    }

    /// - Returns: Why it could not be sent.
    private func send(_ batch: [String]) async -> String? {
        var request = HTTPRequest(
            method: "POST", url: settings.url.text,
            headers: [("Content-Type", "application/json"), ("User-Agent", "stagecoach")]
                + settings.headers.map { ($0.name, $0.value.revealed) },
            body: Array(OTLPText.request(batch, of: settings.resource).utf8))
        request.deadlines.total = settings.timeout
        var problem = ""
        for attempt in 1...OTLPExporter.attempts {
            var mayTryAgain = true
            do throws(HTTPClientError) {
                let status = try await client.send(request).status
                if (200..<300).contains(status) {
                    exported.increment(by: Int64(batch.count))
                    return nil
                }
                problem = "the collector answered with status \(status)"
                mayTryAgain = [429, 502, 503, 504].contains(status)
            } catch {
                problem = error.description
            }
            guard mayTryAgain, attempt < OTLPExporter.attempts, (try? await Task.sleep(for: .seconds(attempt))) != nil
            else { break }
        }
        dropped.increment(by: Int64(batch.count))
        return problem
    }
}
