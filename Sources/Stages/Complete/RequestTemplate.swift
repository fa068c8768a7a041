import Pipeline
import Resources

/// What of the settings goes into every request, made once.
final class RequestTemplate: Sendable {
    let system: MessageTemplate?
    let prompt: MessageTemplate?
    let options: CompletionRequest.Options?
    let asked: [AskedModel]
    /// Asks the model, where it may need no more than the prompt.
    let answerAtOnce: (@Sendable (String) -> Completion?)?
    private let isJSON: Bool
    let mustWait: Bool

    init(_ stage: Complete) {
        system = stage.system
        prompt = stage.prompt
        asked = stage.asked
        if let model = stage.api as? any PromptModel {
            answerAtOnce = { prompt in model.answerAtOnce(to: prompt) }
        } else {
            answerAtOnce = nil
        }
        let isPlain =
            stage.temperature == nil && stage.maxTokens == nil && stage.stop.isEmpty && stage.responseFormat == nil
            && stage.extra.members.isEmpty
        options =
            isPlain
            ? nil
            : CompletionRequest.Options(
                temperature: stage.temperature, maxTokens: stage.maxTokens, stop: stage.stop,
                responseFormat: stage.responseFormat, extra: stage.extra.members)
        // What `extra` asks for instead is between the file and the API.
        let isOwn = !stage.extra.members.contains { $0.key == "response_format" }
        isJSON =
            if isOwn, case .object(let format) = stage.responseFormat?.value { format["type"] != .string("text") } else
            { false }
        mustWait = stage.stream || !stage.fallback.isEmpty
    }

    /// - Throws: `model_bad_response` where the answer was to be JSON and is not.
    func checked(_ completion: Completion) throws(PipelineError) -> Completion {
        guard isJSON else { return completion }
        guard JSONValue(json: completion.text) != nil else {
            throw ModelError.badResponse("the answer was to be JSON and is not")
        }
        return completion
    }
}
