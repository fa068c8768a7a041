import Pipeline
import PipelineCatalog

/// What is served, for the feed: drawings, settings, and what is promised. It holds no secret.
struct ConsoleOutline {
    /// As JSON.
    let text: String
    /// Takes secrets of the files out of a text.
    let redact: Redaction

    /// - Parameter files: Those that are served, in the order of `pipelines`.
    init(of pipelines: [ServedPipeline], files: [PipelineFile], _ console: ConsoleRule, _ tap: TapRule) {
        let redact = Redaction(files.flatMap(ConsoleOutline.secrets))
        self.redact = redact
        var event = JSONMembers(type: "pipelines")
        event.add("console", .string(console.rawValue))
        event.add("tap", .string(tap.rawValue))
        event.add("bounds", list: DurationHistogram.bounds.map { ConsoleNumber.text(Double($0) / 1e9, digits: 1e6) })
        event.add(
            "pipelines",
            list: pipelines.map { pipeline in
                let file = files.first { $0.chain === pipeline.chain }
                return ConsoleOutline.text(of: pipeline, file, redact)
            })
        text = event.text
    }

    private static func text(of pipeline: ServedPipeline, _ file: PipelineFile?, _ redact: Redaction) -> String {
        var object = JSONMembers()
        object.add("name", .string(pipeline.name))
        object.add("path", .string(pipeline.path))
        if let file {
            object.add("svg", .string(PipelineGraph(file).pictureForFigures))
            object.add("explain", .string(redact(Explanation(file).text)))
        }
        object.add("stages", list: pipeline.chain.all.map { text(of: $0, redact) })
        object.add(
            "resources",
            list: pipeline.chain.resources.map { resource in
                var object = JSONMembers()
                object.add("name", .string(resource.name))
                object.add("type", .string(type(of: resource.resource).name))
                return object.text
            })
        return object.text
    }

    private static func text(of step: StepRunner, _ redact: Redaction) -> String {
        var object = JSONMembers()
        object.add("label", .string(step.label))
        object.add("stage", .string(type(of: step.stage).name))
        object.add(
            "holds", list: (step.composite?.branches ?? []).isEmpty ? [] : step.inner.map { JSONText.quoted($0.label) })
        object.add("queued", .bool(step.background != nil))
        object.add(
            "settings",
            list: step.shownSettings.map { setting in
                var object = JSONMembers()
                object.add("name", .string(setting.name))
                object.add("value", .string(redact(setting.value)))
                if !setting.isWritten { object.add("default", .bool(true)) }
                return object.text
            })
        return object.text
    }

    private static func secrets(of file: PipelineFile) -> [Secret] {
        file.chain.resources.flatMap { Secret.all(in: $0.resource) } + file.chain.stages.flatMap { Secret.all(in: $0) }
            + file.sections.values.flatMap { Secret.all(in: $0) }
    }
}
