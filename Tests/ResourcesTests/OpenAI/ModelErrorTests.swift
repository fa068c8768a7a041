import Pipeline
import Testing

@testable import Resources

@Suite("What an API's status means")
struct ModelErrorTests {
    @Test(
        "each status has its error, and whether it may pass",
        arguments: [
            (401, PipelineError.Code.modelUnauthorized, false), (403, .modelUnauthorized, false),
            (408, .modelTimeout, true), (429, .modelRateLimited, true), (500, .modelUnavailable, true),
            (503, .modelUnavailable, true), (504, .modelTimeout, true), (400, .modelBadResponse, false),
            (404, .modelBadResponse, false),
        ] as [(Int, PipelineError.Code, Bool)])
    func statuses(status: Int, code: PipelineError.Code, mayPass: Bool) {
        let error = ModelError.refused(status, [], nil, hiding: ReportedReason())
        #expect(error.code == code)
        #expect(error.isRetryable == mayPass)
    }
}
