import Pipeline
import Tracing

/// The span of a call of a model's API, in the words of OpenTelemetry's conventions for generative AI.
enum ModelSpan {
    /// Makes a call; the API is told which span it is a part of. Costs nothing where the message has none.
    static func around(
        _ model: String, _ call: OpenAICall, _ send: (OpenAICall) async throws -> Completion
    ) async throws -> Completion {
        guard let context = ServiceContext.current else { return try await send(call) }
        let tracer = InstrumentationSystem.tracer
        return try await tracer.withSpan("chat \(model)", context: context, ofKind: .client) { span in
            span.updateAttributes { attributes in
                attributes["gen_ai.operation.name"] = "chat"
                attributes["gen_ai.request.model"] = model
            }
            var call = call
            tracer.inject(span.context, into: &call.tracing, using: FieldInjector())
            do {
                let completion = try await send(call)
                if let tokens = completion.tokensUsed { span.attributes["gen_ai.usage.total_tokens"] = tokens }
                return completion
            } catch {
                if let error = error as? PipelineError { span.attributes["error.type"] = error.code.rawValue }
                throw error
            }
        }
    }
}
