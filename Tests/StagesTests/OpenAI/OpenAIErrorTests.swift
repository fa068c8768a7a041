import Pipeline
import Testing

@testable import Stages

@Suite("What an API's status means")
struct OpenAIErrorTests {
    @Test(
        "each status has its error, and whether it may pass",
        arguments: [
            (401, PipelineError.Code.modelUnauthorized, false), (403, .modelUnauthorized, false),
            (408, .modelTimeout, true), (429, .modelRateLimited, true), (500, .modelUnavailable, true),
            (503, .modelUnavailable, true), (504, .modelTimeout, true), (400, .modelBadResponse, false),
            (404, .modelBadResponse, false),
        ] as [(Int, PipelineError.Code, Bool)])
    func statuses(status: Int, code: PipelineError.Code, mayPass: Bool) {
        let error = OpenAIError.refused(status, [], nil, hiding: ReportedReason())
        #expect(error.code == code)
        #expect(error.isRetryable == mayPass)
    }
}
