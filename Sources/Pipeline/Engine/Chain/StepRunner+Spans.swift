import Tracing

/// The spans of a step.
extension StepRunner {
    /// Works on a message in a span of this step's, in which whatever is called is, too.
    func inSpan(
        of trace: MessageTrace, _ message: inout Message, _ work: (inout Message) async throws(PipelineError) -> Void
    ) async throws(PipelineError) {
        let span = trace.begin(label)
        var failure: PipelineError?
        if composite != nil { message.trace = trace.inside(span) }
        defer { message.trace = trace }
        await ServiceContext.$current.withValue(span.context) {
            do throws(PipelineError) {
                try await work(&message)
            } catch {
                failure = error
            }
        }
        span.end(failure)
        if let failure { throw failure }
    }
}
