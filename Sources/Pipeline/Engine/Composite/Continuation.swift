/// What is left to do of a composite stage that ran as far as that went without waiting.
///
/// It travels in the message from the run that stopped to the one that goes on, which is always the same step.
final class Continuation: Sendable {
    private let rest: @Sendable (inout Message) async throws(PipelineError) -> Void

    init(_ rest: @escaping @Sendable (inout Message) async throws(PipelineError) -> Void) {
        self.rest = rest
    }

    func resume(with message: inout Message) async throws(PipelineError) {
        try await rest(&message)
    }
}
