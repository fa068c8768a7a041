import CoreMetrics
import Testing

@testable import Server
@testable import Pipeline

@Suite("Metrics in Prometheus' text format")
struct PrometheusTextTests {
    private func text(_ make: (PrometheusMetrics) -> Void) -> String {
        let metrics = PrometheusMetrics()
        make(metrics)
        var text = PrometheusText()
        metrics.write(to: &text)
        return text.text
    }

    @Test("A counter has its help, its type and a line for each of its labels' values")
    func counter() {
        let text = text { metrics in
            for (code, count) in [("timeout", 2), ("busy", 1)] {
                Counter(label: "stagecoach_stage_errors_total", dimensions: [("code", code)], factory: metrics)
                    .increment(by: count)
            }
        }
        #expect(
            text == """
                # HELP stagecoach_stage_errors_total \(EngineMetric.stageErrors.help)
                # TYPE stagecoach_stage_errors_total counter
                stagecoach_stage_errors_total{code="busy"} 1
                stagecoach_stage_errors_total{code="timeout"} 2

                """)
    }

    @Test("A histogram's buckets are cumulative, end in +Inf, and are in seconds")
    func histogram() {
        let text = text { metrics in
            let timer = Timer(label: "x_seconds", dimensions: [("a", "b")], factory: metrics)
            timer.recordMilliseconds(1)
            timer.recordSeconds(90)
        }
        #expect(text.contains(#"x_seconds_bucket{a="b",le="0.0001"} 0"#))
        #expect(text.contains(#"x_seconds_bucket{a="b",le="0.001"} 1"#))
        #expect(text.contains(#"x_seconds_bucket{a="b",le="60.0"} 1"#))
        #expect(text.contains(#"x_seconds_bucket{a="b",le="+Inf"} 2"#))
        #expect(text.contains(#"x_seconds_sum{a="b"} 90.001"#))
        #expect(text.hasSuffix("x_seconds_count{a=\"b\"} 2\n"))
    }

    @Test("Names and label values of a stage's own can't break a line")
    func escaping() {
        let text = text { metrics in
            Gauge(label: "my metric-1", dimensions: [("a.b", "x\"y\\z\nw")], factory: metrics).record(1.5)
        }
        #expect(text == "# TYPE my_metric_1 gauge\nmy_metric_1{a_b=\"x\\\"y\\\\z\\nw\"} 1.5\n")
    }

    @Test("The same name and labels go on counting, and a name has one type")
    func same() {
        let text = text { metrics in
            Counter(label: "x_total", factory: metrics).increment()
            Counter(label: "x_total", factory: metrics).increment()
            Gauge(label: "x_total", factory: metrics).record(7)
        }
        #expect(text == "# TYPE x_total counter\nx_total 2\n")
    }
}
