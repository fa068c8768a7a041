import Testing

@testable import Pipeline

@Suite("An error of the pipeline")
struct PipelineErrorTests {
    @Test("is one reference: every call that may throw it keeps room for it while a message waits")
    func size() {
        #expect(MemoryLayout<PipelineError>.size == MemoryLayout<AnyObject>.size)
    }

    @Test("is a value all the same")
    func value() {
        let error = PipelineError(.busy, "Too much", isRetryable: true, detail: "three")
        var copy = error
        copy.retryAfter = .seconds(1)
        copy.stage = "limit"
        #expect(error.retryAfter == nil && error.stage == nil)
        #expect(copy != error)
        (copy.retryAfter, copy.stage) = (nil, nil)
        #expect(copy == error)
        #expect(copy == PipelineError(.busy, "Too much", isRetryable: true, detail: "three"))
        #expect(copy != PipelineError(.busy, "Too much", isRetryable: true, detail: "four"))
    }
}
